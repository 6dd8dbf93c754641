import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unsinter.studies.across_categories.areas import debiased, estimate, simultaneous, stratified_area


@pytest.fixture
def rows():
    """Scores with ties, labels and strata of 300 rows, and three weightings of small whole numbers."""
    rng = np.random.default_rng(0)
    scores, strata = rng.integers(0, 12, size=300).astype(float), rng.integers(0, 5, size=300)
    positive = rng.random(300) < 0.1 + 0.15 * strata
    return scores + 2 * positive, positive, strata, rng.integers(0, 4, size=(300, 3))


def test_one_stratum_gives_the_area_of_scikit_learn(rows):
    scores, positive, _, weights = rows
    areas = stratified_area(scores, positive, np.zeros(300, dtype=int), weights.astype(float))
    for column in range(3):
        expected = roc_auc_score(positive, scores, sample_weight=weights[:, column])
        assert areas[column] == pytest.approx(expected, abs=1e-12)


def test_strata_are_averaged_by_harmonic_counts(rows):
    scores, positive, strata, weights = rows
    areas = stratified_area(scores, positive, strata, weights.astype(float))
    for column in range(3):
        # A whole weight is the same as that many copies of the row.
        copies = np.repeat(np.arange(300), weights[:, column])
        found, shares = [], []
        for stratum in range(5):
            here = copies[strata[copies] == stratum]
            ups = positive[here].sum()
            found.append(roc_auc_score(positive[here], scores[here]))
            shares.append(ups * (len(here) - ups) / len(here))
        assert areas[column] == pytest.approx(np.average(found, weights=shares), abs=1e-12)


def test_a_score_that_knows_only_the_stratum_gives_exactly_one_half(rows):
    _, positive, strata, weights = rows
    areas = stratified_area(positive[strata] + strata * 0.1, positive, strata, weights.astype(np.float32))
    assert (areas == 0.5).all()


def test_a_stratum_of_one_class_takes_no_part():
    scores, positive = np.array([1.0, 2, 3, 9, 9]), np.array([False, True, False, True, True])
    areas = stratified_area(scores, positive, np.array([0, 0, 0, 1, 1]), np.ones((5, 1)))
    assert areas[0] == 0.5
    none = stratified_area(scores, positive, np.arange(5), np.ones((5, 2)))
    assert np.isnan(none).all()


def test_an_interval_is_the_central_part_of_the_draws():
    found = estimate(np.r_[0.5, np.linspace(0, 1, 101)], level=0.9)
    assert found == pytest.approx((0.5, 0.05, 0.95))


def test_bias_of_the_draws_is_taken_off():
    # Draws lie 0.1 above the value, so the value lies 0.1 above the truth.
    found = debiased(np.r_[0.5, np.linspace(0.5, 0.7, 101)], level=0.9, bounds=(0, 1))
    assert found == pytest.approx((0.4, 0.31, 0.49))
    assert np.isnan(debiased(np.full(5, np.nan), level=0.9, bounds=(0, 1))).all()


def test_simultaneous_bands_cover_all_statistics_together():
    rng = np.random.default_rng(0)
    draws = {str(name): np.r_[0.5, 0.5 + 0.02 * rng.normal(size=4000)] for name in range(5)}
    bands = simultaneous(draws, level=0.95)
    inside = [(bands[name].low < draws[name][1:]) & (draws[name][1:] < bands[name].high) for name in draws]
    assert np.mean(np.all(inside, axis=0)) == pytest.approx(0.95, abs=0.003)
    # Independent statistics: each band is that of level 0.95 ** (1 / 5), 2.57 standard errors wide.
    assert bands["0"].high - 0.5 == pytest.approx(2.57 * 0.02, rel=0.03)
