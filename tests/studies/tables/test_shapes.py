"""A table of a run holds what its columns are declared to hold, or is refused with table and column named."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unsinter.studies.tables.column import flag, number, text, whole
from unsinter.studies.tables.read import RunReader
from unsinter.studies.tables.shapes import fault_of_table

COLUMNS = {"name": text("t"), "n": whole("w"), "score": number("x"), "is_best": flag("f")}
SOUND = pd.DataFrame({"name": ["a", "b"], "n": [1, 2], "score": [0.5, 0.25], "is_best": [True, False]})


class RunError(ValueError):
    pass


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("name", [1, 2], "where text belong"),
        ("name", ["a", b"b"], "where text belong"),
        ("name", [True, False], "where text belong"),
        ("n", ["1", "2"], "where whole numbers belong"),
        ("n", [1.0, 2.5], "where whole numbers belong"),
        ("n", [True, False], "where whole numbers belong"),
        ("n", [1.0, np.inf], "where whole numbers belong"),
        ("n", [1.0, 1e300], "where whole numbers belong"),
        ("score", ["0.5", "x"], "where numbers belong"),
        ("score", [True, False], "where numbers belong"),
        ("score", [0.5j, 1.0], "where numbers belong"),
        ("score", pd.to_datetime(["2024-01-01", "2024-01-02"]), "where numbers belong"),
        ("is_best", ["True", "False"], "where true and false belong"),
        ("is_best", [1, 0], "where true and false belong"),
        ("name", ["a", None], None),
        ("n", [1.0, np.nan], None),
        ("score", [None, None], None),
        ("is_best", [True, None], None),
        ("score", [1, 2], None),
    ],
)
def test_a_column_of_another_type_is_named_and_a_missing_value_is_of_every_type(column, values, words):
    fault = fault_of_table(SOUND.assign(**{column: values}), COLUMNS)
    assert (fault is None) == (words is None)
    if words is not None:
        assert fault.startswith(f"{column}: holds ")
        assert fault.endswith(words)


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw of text waits for a slow machine
@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), max_size=4))
def test_whatever_a_column_holds_it_is_judged(values):
    table = pd.DataFrame({"name": pd.Series(values, dtype=object)})
    is_text = all(isinstance(value, str) for value in table["name"].dropna())
    assert (fault_of_table(table, COLUMNS) is None) == is_text


def test_a_table_of_a_run_that_holds_another_type_is_refused_where_it_is_read(tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({"name": "mine"}), encoding="utf-8")
    pd.DataFrame({"model": ["a"], "score": ["high"]}).to_parquet(tmp_path / "results.parquet")
    reader = RunReader(folder=tmp_path, inventory=None, error=RunError)
    with pytest.raises(
        RunError, match=r"results\.parquet, score: holds \w+ where numbers belong; run the study again"
    ):
        reader.table("results")


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category", pd.ArrowDtype(pa.string())])
def test_text_is_text_in_every_type_that_pandas_keeps_it_in(dtype):
    table = SOUND.assign(name=pd.Series(["a", "b"], dtype=dtype))
    assert fault_of_table(table, COLUMNS) is None
    mixed = SOUND.assign(name=pd.Series(["a", 1], dtype=dtype if dtype in ("object", "category") else object))
    assert "where text belong" in fault_of_table(mixed, COLUMNS)
