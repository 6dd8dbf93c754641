import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
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
    result = MassMeanProbe().fit(X, y)
    np.testing.assert_allclose(result.coef_, expected.coef_, rtol=0.05)
    np.testing.assert_allclose(result.intercept_, expected.intercept_, rtol=0.05)


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


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("constant", [0.1, -1e4 / 3])
def test_a_constant_column_whose_mean_is_rounded_gets_no_say(n_classes, constant):
    """The mean of many 0.1 is not 0.1: what is left is rounding, which must not be taken for a deviation."""
    rng = np.random.default_rng(3)
    y = np.arange(400) % n_classes
    X = rng.normal(size=(400, 3)) + y[:, None]
    exact, rounded = (
        MassMeanProbe().fit(np.column_stack([X, np.full(400, value)]), y) for value in (2.0, constant)
    )
    np.testing.assert_allclose(rounded.coef_[:, :3], exact.coef_[:, :3], rtol=1e-9)
    # Of several classes the same number in every score tells none apart.
    coef = rounded.coef_[:, 3] - (rounded.coef_[:, 3].mean() if n_classes > 2 else 0.0)
    np.testing.assert_allclose(coef, 0, atol=1e-6)


def test_the_covariance_is_the_one_scikit_learn_shrinks():
    rng = np.random.default_rng(4)
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 60)) @ rng.normal(size=(60, 60)) + 2 * rng.normal(size=(3, 60))[y]
    means = np.stack([X[y == k].mean(axis=0) for k in range(3)])
    scale = (X - means[y]).std(axis=0)
    covariance, _ = ledoit_wolf((X - means[y]) / scale, assume_centered=True)
    expected = np.linalg.solve(covariance, (means / scale).T).T / scale
    np.testing.assert_allclose(MassMeanProbe().fit(X, y).coef_, expected, rtol=1e-6)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="one class only"):
        MassMeanProbe().fit(np.eye(4), np.zeros(4))


@parametrize_with_checks([MassMeanProbe(), MassMeanProbe(whiten=False)])
def test_keeps_the_estimator_contract(estimator, check):
    check(estimator)
