"""Matrices of runs that knew no other target than D."""

import pandas as pd
import pytest

from unsinter.studies.tables.transfer_columns import TRANSFER, with_target

MODELS = {"model": ["a", "b"]}


@pytest.mark.parametrize("columns", [{}, {"target": [None, None]}, {"target": ["D", None]}])
def test_rows_that_name_no_target_are_of_d(columns):
    table = with_target(pd.DataFrame(MODELS | columns))
    assert table["target"].tolist() == ["D", "D"]
    assert list(table) == list(TRANSFER)[:2]


def test_a_named_target_stays_and_the_table_that_came_is_left_alone():
    before = pd.DataFrame(MODELS | {"target": ["copy", None]})
    assert with_target(before)["target"].tolist() == ["copy", "D"]
    assert before["target"].isna().tolist() == [False, True]
    assert with_target(pd.DataFrame(MODELS), "copy")["target"].tolist() == ["copy", "copy"]
    assert with_target(pd.DataFrame()).empty
