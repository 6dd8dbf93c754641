"""AUROC of rows compared inside strata."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unsinter.probes.metrics import auroc, observed_and_drawn


@pytest.fixture
def rows():
    """Scores with ties, labels and strata of 300 rows, and three weightings of small whole numbers."""
    rng = np.random.default_rng(0)
    scores, strata = rng.integers(0, 12, size=300).astype(float), rng.integers(0, 5, size=300)
    positive = rng.random(300) < 0.1 + 0.15 * strata
    return scores + 2 * positive, positive, strata, rng.integers(0, 4, size=(300, 3))


def test_one_stratum_gives_the_auroc_of_scikit_learn(rows):
    scores, positive, _, weights = rows
    aurocs = auroc(scores, positive, strata=np.zeros(300, dtype=int), weights=weights.astype(float).T)
    for column in range(3):
        expected = roc_auc_score(positive, scores, sample_weight=weights[:, column])
        assert aurocs[column] == pytest.approx(expected, abs=1e-12)


def test_strata_are_averaged_by_harmonic_counts(rows):
    scores, positive, strata, weights = rows
    aurocs = auroc(scores, positive, strata=strata, weights=weights.astype(float).T)
    for column in range(3):
        # A whole weight is the same as that many copies of the row.
        copies = np.repeat(np.arange(300), weights[:, column])
        result, shares = [], []
        for stratum in range(5):
            here = copies[strata[copies] == stratum]
            ups = positive[here].sum()
            result.append(roc_auc_score(positive[here], scores[here]))
            shares.append(ups * (len(here) - ups) / len(here))
        assert aurocs[column] == pytest.approx(np.average(result, weights=shares), abs=1e-12)


def test_a_score_that_knows_only_the_stratum_gives_exactly_one_half(rows):
    _, positive, strata, weights = rows
    aurocs = auroc(
        positive[strata] + strata * 0.1, positive, strata=strata, weights=weights.astype(np.float32).T
    )
    assert (aurocs == 0.5).all()


def test_a_stratum_of_one_class_takes_no_part():
    scores, positive = np.array([1.0, 2, 3, 9, 9]), np.array([False, True, False, True, True])
    aurocs = auroc(scores, positive, strata=np.array([0, 0, 0, 1, 1]), weights=np.ones((5, 1)).T)
    assert aurocs[0] == 0.5
    none = auroc(scores, positive, strata=np.arange(5), weights=np.ones((5, 2)).T)
    assert np.isnan(none).all()


def test_auroc_inside_strata_is_scikit_learns_averaged_by_pairs():
    rng = np.random.default_rng(0)
    scores, positive, strata = rng.normal(size=500).round(1), rng.integers(0, 2, 500), rng.integers(0, 3, 500)
    counts = rng.integers(0, 4, size=(3, 500)).astype(float)
    expected = []
    for weight in counts:
        parts = []
        for s in range(3):
            rows = np.repeat(np.flatnonzero(strata == s), weight[strata == s].astype(int))
            n1, n0 = (positive[rows] == 1).sum(), (positive[rows] == 0).sum()
            parts.append((n1 * n0 / (n1 + n0), roc_auc_score(positive[rows], scores[rows])))
        expected.append(sum(a * b for a, b in parts) / sum(a for a, _ in parts))
    np.testing.assert_allclose(auroc(scores, positive, strata=strata, weights=counts), expected)


def test_draws_take_whole_groups():
    weights = observed_and_drawn(np.repeat(np.arange(20), 4), n_draws=30, seed=0)
    np.testing.assert_array_equal(weights[0], 1)
    assert (np.ptp(weights.reshape(31, 20, 4), axis=2) == 0).all()
    np.testing.assert_array_equal(weights.sum(axis=1), 80)
