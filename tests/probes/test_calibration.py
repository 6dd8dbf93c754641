import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from unsinter.probes.calibration import Calibration, brier, expected_calibration_error
from unsinter.probes.calibration_fit import CalibrationError, fit_calibration


def planted(rng, *, n, slope, intercept):
    scores = rng.normal(size=n, scale=3)
    return scores, (rng.random(n) < expit(slope * scores + intercept)).astype(int)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_platt_is_scikit_learns_logistic_regression_on_his_smoothed_targets(scale):
    scores, codes = planted(np.random.default_rng(0), n=300, slope=0.8, intercept=-1.0)
    n1, n0 = codes.sum(), (1 - codes).sum()
    target = np.where(codes == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    twice = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(
        np.r_[scores, scores][:, None], np.r_[np.ones(300), np.zeros(300)], np.r_[target, 1 - target]
    )
    result = fit_calibration(scores * scale, codes)
    assert result.slope * scale == pytest.approx(twice.coef_[0, 0], rel=1e-3)
    assert result.intercept == pytest.approx(twice.intercept_[0], rel=1e-3)


def test_a_planted_calibration_is_found_and_its_probabilities_are_honest():
    rng = np.random.default_rng(1)
    scores, codes = planted(rng, n=20_000, slope=0.25, intercept=1.0)
    result = fit_calibration(scores, codes)
    assert result.slope == pytest.approx(0.25, abs=0.02)
    assert result.intercept == pytest.approx(1.0, abs=0.06)
    fresh, truth = planted(rng, n=20_000, slope=0.25, intercept=1.0)
    raw = expected_calibration_error(expit(fresh), truth)
    assert expected_calibration_error(result.probabilities(fresh), truth) < 0.02 < 0.1 < raw


def test_a_planted_temperature_is_found():
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(20_000, 5), scale=2)
    codes = np.array([rng.choice(5, p=p) for p in softmax(logits, axis=1)])
    result = fit_calibration(logits * 4, codes)
    assert result.slope == pytest.approx(0.25, rel=0.05)
    assert result.intercept == 0


def test_the_temperature_has_the_lowest_log_loss_of_a_fine_grid():
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(3000, 3)) * 2
    codes = np.where(rng.random(3000) < 0.6, scores.argmax(axis=1), rng.integers(0, 3, 3000))
    grid = np.geomspace(0.05, 5, 2000)
    losses = [-log_softmax(a * scores, axis=1)[np.arange(3000), codes].mean() for a in grid]
    assert fit_calibration(scores, codes).slope == pytest.approx(grid[np.argmin(losses)], rel=0.02)


def test_perfectly_sorted_scores_get_a_finite_slope():
    codes = np.repeat([0, 1], 50)
    result = fit_calibration(np.where(codes == 1, 2.0, -2.0), codes)
    # Platt's targets: 51/52 and 1/52.
    assert result.probabilities(np.array([-2.0, 2.0])) == pytest.approx([1 / 52, 51 / 52], abs=1e-4)
    many = fit_calibration(np.eye(3)[np.arange(90) % 3], np.arange(90) % 3)
    # Of 30 rows of a class, one against the rest: 31/32, and the other two share 1/32.
    assert many.probabilities(np.eye(3)) == pytest.approx(np.where(np.eye(3) == 1, 31 / 32, 1 / 64), abs=1e-4)


def test_a_probe_that_points_the_wrong_way_is_not_turned_around():
    codes = np.repeat([0, 1], [70, 30])
    result = fit_calibration(-codes.astype(float), codes)
    assert result.slope == 0
    assert result.probabilities(np.zeros(1))[0] == pytest.approx(0.3, abs=0.02)


def test_a_class_that_a_fold_lacked_has_probability_zero_and_does_not_sway_the_slope():
    rng = np.random.default_rng(4)
    logits = rng.normal(size=(4000, 3), scale=2)
    codes = np.array([rng.choice(3, p=p) for p in softmax(logits, axis=1)])
    logits[:2000, 2] = -np.inf  # the first fold knew no class 2; its rows of class 2 say nothing
    known = ~((codes == 2) & np.isneginf(logits[:, 2]))
    result = fit_calibration(logits, codes)
    assert result == fit_calibration(logits[known], codes[known])
    assert result.slope == pytest.approx(1.0, rel=0.1)
    assert (result.probabilities(logits)[:2000, 2] == 0).all()
    np.testing.assert_allclose(result.probabilities(logits).sum(axis=1), 1)
    assert Calibration(slope=0.0).probabilities(logits[:1]).tolist() == [[0.5, 0.5, 0.0]]


def test_brier_is_scikit_learns():
    rng = np.random.default_rng(5)
    p, y = rng.random(100), rng.integers(0, 2, 100)
    assert brier(p, y) == pytest.approx(brier_score_loss(y, p))
    many, codes = rng.dirichlet(np.ones(4), size=100), np.arange(100) % 4
    assert brier(many, codes) == pytest.approx(brier_score_loss(codes, many, scale_by_half=False))


def test_the_calibration_error_is_that_of_scikit_learns_bins_of_equal_mass():
    rng = np.random.default_rng(6)
    p, y = rng.random(200), rng.integers(0, 2, 200)
    observed, stated = calibration_curve(y, p, n_bins=10, strategy="quantile")
    assert expected_calibration_error(p, y) == pytest.approx(np.abs(observed - stated).mean())  # 20 rows each


def test_rows_of_equal_probability_share_a_bin_in_any_order():
    p, y = np.repeat([0.2, 0.8], 50), np.r_[np.ones(10), np.zeros(40), np.ones(40), np.zeros(10)].astype(int)
    order = np.random.default_rng(7).permutation(100)
    assert expected_calibration_error(p, y) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error(p[order], y[order]) == pytest.approx(0, abs=1e-12)


def test_the_calibration_error_of_many_classes_is_of_the_likeliest_one():
    p = np.tile([0.7, 0.2, 0.1], (100, 1))
    codes = np.repeat([0, 2], 50)  # right half of the time, said 0.7
    assert expected_calibration_error(p, codes) == pytest.approx(0.2)


def test_scores_that_cannot_be_calibrated_are_refused_in_words():
    with pytest.raises(CalibrationError, match="two classes"):
        fit_calibration(np.zeros(3), np.ones(3, dtype=int))
    with pytest.raises(CalibrationError, match=r"scores \(3,\) must be numbers"):
        fit_calibration(np.array([0.0, np.nan, 1.0]), np.array([0, 1, 0]))
