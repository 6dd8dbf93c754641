import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid
from sklearn.utils.estimator_checks import parametrize_with_checks

from unsinter.probes import MassMeanProbe

SCALE, SHIFT = np.array([3.0, 1.0, 0.2]), np.array([1.0, 0.5, 0.1])


def gaussians(n=100_000, seed=0):
    """Two Gaussians of one covariance, one class three times as frequent; and the log-odds at equal odds."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.75).astype(int)
    X = rng.normal(size=(n, 3)) * SCALE + y[:, None] * SHIFT + 7
    return X, y, (X - 7 - SHIFT / 2) @ (SHIFT / SCALE**2)


def test_a_whitened_score_is_the_log_odds_of_equally_frequent_classes():
    X, y, log_odds = gaussians()
    scores = MassMeanProbe().fit(X, y).decision_function(X)
    assert np.abs(scores - log_odds).mean() < 0.03  # nats; sampling error is below 0.02


def test_whitened_weights_are_those_of_discriminant_analysis_with_equal_priors():
    """With many rows nothing is left to shrink."""
    X, y, _ = gaussians(n=20_000, seed=1)
    expected = LinearDiscriminantAnalysis(solver="lsqr", priors=[0.5, 0.5]).fit(X, y)
    found = MassMeanProbe().fit(X, y)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=0.05)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, rtol=0.05)


def test_the_plain_direction_is_the_difference_of_means_with_zero_midway():
    X, y, _ = gaussians(n=300)
    probe = MassMeanProbe(whiten=False).fit(X, y)
    means = [X[y == k].mean(axis=0) for k in (0, 1)]
    np.testing.assert_allclose(probe.coef_[0], means[1] - means[0], atol=1e-9)
    assert probe.decision_function((means[0] + means[1])[None] / 2)[0] == pytest.approx(0, abs=1e-9)


def test_of_several_classes_the_nearest_mean_is_predicted():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 4, size=300)
    X = rng.normal(size=(300, 5)) + 2 * rng.normal(size=(4, 5))[y]
    np.testing.assert_array_equal(
        MassMeanProbe(whiten=False).fit(X, y).predict(X), NearestCentroid().fit(X, y).predict(X)
    )


def test_more_dimensions_than_rows_and_a_constant_column_are_no_trouble():
    rng = np.random.default_rng(3)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 200)) + y[:, None]
    X[:, 0] = 2
    probe = MassMeanProbe().fit(X, y)
    assert np.isfinite(probe.coef_).all()
    assert probe.score(X, y) == 1


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="one class only"):
        MassMeanProbe().fit(np.eye(4), np.zeros(4))


@parametrize_with_checks([MassMeanProbe(), MassMeanProbe(whiten=False)])
def test_keeps_the_estimator_contract(estimator, check):
    check(estimator)
