import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from unsinter.probes.metrics import auroc, group_draws
from unsinter.studies.transfer.cell_scores import Board, intervals
from unsinter.studies.transfer.plans import Plan, Side


def board_of(columns, groups, *, n_draws, seed=0):
    """Columns test the given (positive, negative) rows; training rows are of a group of their own."""
    trained = {"row": Side(positive=np.array([len(groups)]), negative=np.array([len(groups) + 1]))}
    tested = {name: Side(positive=up, negative=down) for name, (up, down) in columns.items()}
    plan = Plan(kind="source", trained=trained, tested=tested)
    return Board(plan, np.append(groups, ["t", "t"]), n_draws=n_draws, seed=seed)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(2, 30), st.integers(2, 5))
def test_cells_and_their_draws_are_the_weighted_auroc_ties_included(seed, n_columns, n, n_values):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 12, size=4 * n).astype(str)
    is_shared = rng.random() < 0.5
    negatives = np.sort(rng.choice(2 * n, size=n, replace=False))
    columns = {}
    for column in range(n_columns):
        own = np.sort(rng.choice(2 * n, size=int(rng.integers(1, n + 1)), replace=False))
        positives = 2 * n + np.sort(rng.choice(2 * n, size=int(rng.integers(1, n + 1)), replace=False))
        columns[f"c{column}"] = (positives, negatives if is_shared else own)
    board = board_of(columns, groups, n_draws=7)
    scores = rng.integers(0, n_values, size=4 * n).astype(float)
    result = board.cells(scores[board.rows])
    draws = group_draws(groups[board.rows], n_draws=7, seed=0)
    for cell, (up, down) in zip(result, columns.values(), strict=True):
        part = np.searchsorted(board.rows, np.r_[up, down])
        weights = np.vstack([np.ones(len(part)), draws[:, part]])
        truth = np.arange(len(part)) < len(up)
        expected = auroc(scores[np.r_[up, down]], truth, weights=weights)
        np.testing.assert_allclose(cell, expected, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("size", [1, 4])
def test_the_interval_covers_the_true_auroc_as_often_as_it_says(size):
    """Rows of a group share half their variance: intervals over rows alone would be too narrow."""
    rng = np.random.default_rng(size)
    n, truth, covered = 240, norm.cdf(1.2 / np.sqrt(2)), []
    groups = (np.arange(n) // size).astype(str)
    up, down = np.arange(n // 2), np.arange(n // 2, n)
    board = board_of({"c": (up, down)}, groups, n_draws=300)
    for _ in range(300):
        common = rng.normal(size=n // size).repeat(size) if size > 1 else rng.normal(size=n)
        scores = np.sqrt(0.5) * (common + rng.normal(size=n)) + 1.2 * (np.arange(n) < n // 2)
        low, high = intervals(board.cells(scores)[:, 1:])[0]
        covered.append(low <= truth <= high)
    assert 0.90 <= np.mean(covered) <= 0.985


def test_a_draw_without_a_positive_is_left_out_of_the_interval():
    draws = np.array([[0.2, np.nan, 0.4, 0.6], [0.1, 0.2, 0.3, 0.4]])
    result = intervals(draws)
    assert result[0] == pytest.approx(np.quantile([0.2, 0.4, 0.6], [0.025, 0.975]))
    assert result[1] == pytest.approx(np.quantile(draws[1], [0.025, 0.975]))
