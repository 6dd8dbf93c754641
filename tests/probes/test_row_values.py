"""What callers hand over as rows: read by place, refused by name."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from unsinter.probes.plain_arrays import missing_rows, plain_array
from unsinter.probes.row_values import (
    class_indices,
    finite_numbers,
    known_values,
    positive_rows,
    row_values,
    row_weights,
)

SHUFFLED = [2, 0, 1]


@pytest.mark.parametrize(
    "values",
    [
        [3.0, 1.0, 2.0],
        (3.0, 1.0, 2.0),
        np.array([[3.0], [1.0], [2.0]]),
        pd.Series([3.0, 1.0, 2.0], index=SHUFFLED),
        pd.DataFrame({"a": [3.0, 1.0, 2.0]}, index=SHUFFLED),
        pd.Series([3, 1, 2], index=SHUFFLED, dtype="Int64"),
        pa.array([3.0, 1.0, 2.0]),
        pa.chunked_array([[3.0], [1.0, 2.0]]),
        torch.tensor([3.0, 1.0, 2.0], dtype=torch.bfloat16, requires_grad=True),
        torch.tensor([3, 1, 2]),
        np.ma.array([3.0, 1.0, 2.0]),
        np.array([3, 1, 2], dtype=object),
        [torch.tensor(3.0), np.float32(1), 2],
    ],
)
def test_rows_are_read_by_place_whatever_holds_them(values):
    np.testing.assert_array_equal(row_values(values, 3, name="y"), [3, 1, 2])


@pytest.mark.parametrize(
    "values",
    [
        [1.0, None, 0.0],
        [1.0, np.nan, 0.0],
        ["a", np.nan, "b"],
        ["a", None, "b"],
        [True, None, False],
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series([True, pd.NA, False], dtype="boolean"),
        pd.Series([1, pd.NA, 0], dtype="Int64"),
        pd.Series(pd.to_datetime(["2020-01-01", None, "2020-01-02"])),
        np.ma.array([1, 5, 0], mask=[False, True, False]),
        np.ma.array(["a", "x", "b"], mask=[False, True, False]),
        pa.array(["a", None, "b"]),
        pa.array([True, None, False]),
    ],
)
def test_what_is_missing_is_known_and_refused_by_name_and_row(values):
    assert missing_rows(row_values(values, name="groups")).tolist() == [False, True, False]
    with pytest.raises(ValueError, match=r"groups is missing \(NaN or None\) in 1 of 3 rows, first in row 1"):
        known_values(values, name="groups")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ("abc", r"y must be an array or list .* got one text \('abc'\)"),
        (None, "got None"),
        ({"a": 1}, "got dict"),
        ({1, 2}, "got set"),
        ((i for i in range(3)), "got generator"),
        (5, "got int"),
        (np.array([1j, 2]), "complex"),
        (np.array([1j, 2], dtype=object), "complex"),
        (torch.tensor([1j]), "complex"),
        (np.array([b"a"]), "neither numbers nor text"),
        ([[1, 2], [3]], "rows of one length"),
        (np.zeros((2, 3)), r"one value per row, got shape \(2, 3\)"),
        ([(1, 2), (3, 4)], "one value per row"),
    ],
)
def test_what_is_no_column_is_refused_by_name(values, match):
    with pytest.raises((ValueError, TypeError), match=match) as refusal:
        row_values(values, name="y")
    assert str(refusal.value).startswith("y ")


def test_text_beside_numbers_is_not_guessed_at():
    with pytest.raises(ValueError, match="groups must hold text or numbers, not both"):
        known_values([1, "1", 2], name="groups")


def test_a_sparse_matrix_and_a_list_of_rows_are_matrices():
    dense = np.array([[0.0, 2.0], [3.0, 0.0]])
    np.testing.assert_array_equal(plain_array(csr_array(dense), name="X"), dense)
    np.testing.assert_array_equal(plain_array(dense.tolist(), name="X"), dense)
    np.testing.assert_array_equal(plain_array([torch.tensor(row) for row in dense], name="X"), dense)


@pytest.mark.parametrize(
    "labels", [[True, False], [1, 0], [1.0, 0.0], [1, -1], np.array([1, 0], dtype=np.uint8)]
)
def test_two_valued_labels_are_positive_where_they_are_one(labels):
    assert positive_rows(labels).tolist() == [True, False]


@pytest.mark.parametrize("labels", [[1, 2], [0, 2], [-1, 0, 1], ["a", "b"], [0.5, 1.0]])
def test_labels_of_which_none_is_positive_for_sure_are_refused(labels):
    with pytest.raises(ValueError, match="positive must hold True and False, 1 and 0, or 1 and -1, got "):
        positive_rows(labels)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20))
def test_weights_come_back_as_they_are_or_are_refused_by_name(weights):
    fine = all(np.isfinite(w) and w >= 0 for w in weights) and 0 < sum(weights) < np.inf
    if fine:
        assert row_weights(weights, len(weights), name="sample_weight").tolist() == weights
        return
    with pytest.raises(ValueError, match=r"^sample_weight "):
        row_weights(weights, len(weights), name="sample_weight")


@pytest.mark.parametrize("codes", [[0, 2], [-2, 0], [0.5, 1], ["0", "1"], [0, np.nan]])
def test_class_codes_out_of_range_are_refused(codes):
    with pytest.raises(ValueError, match=r"^codes "):
        class_indices(codes, n_classes=2, least=-1)
    assert class_indices([0.0, True, -1], n_classes=2, least=-1).tolist() == [0, 1, -1]


@pytest.mark.parametrize(("bad", "word"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")])
def test_scores_that_are_no_numbers_are_named_with_their_row(bad, word):
    with pytest.raises(ValueError, match=rf"scores holds {word} \(1 of 3 values, first in row 2"):
        finite_numbers([0.1, 0.2, bad], name="scores")
