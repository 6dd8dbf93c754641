import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from unsinter.studies.data.row_weights import equal_sums, row_weights

TRAIN = np.array([0, 1, 2, 3, 4, 6])
CELLS = np.array(["a", "a", "a", "b", "", "b", "b"])


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_class_weights_are_scikit_learns_balanced_ones(labels):
    labels = np.array(labels)
    weights = row_weights("class", labels=labels, cells=labels, train=np.arange(len(labels)))
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", labels))


def test_cells_weigh_the_same_in_sum_and_rows_elsewhere_nothing():
    weights = equal_sums(CELLS, TRAIN)
    assert weights[[0, 1, 2]].sum() == pytest.approx(weights[[3, 6]].sum())
    assert weights[4] == weights[5] == 0
    assert weights[TRAIN].sum() == pytest.approx(5)


def test_no_weighting_counts_every_row_once():
    assert row_weights("none", labels=CELLS, cells=CELLS, train=TRAIN).tolist() == [1.0] * 7


def test_cells_and_not_labels_decide_where_cells_are_asked_for():
    labels = np.array(["x", "x", "x", "x", "x", "x", "y"])
    weights = row_weights("cell", labels=labels, cells=CELLS, train=TRAIN)
    assert weights[0] != pytest.approx(weights[3])
