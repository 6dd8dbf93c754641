import numpy as np
import pytest

from unsinter.probes.geometry.contrasts import contrast_rows
from unsinter.probes.geometry.geometry import cosine, covariance_within
from unsinter.studies.separation.supporting.geometry_evidence import geometry_evidence


def world(n=2000, d=40, phi=0.6, *, seed=0, angle=np.pi / 2, length=2.0):
    """Two factors whose axes stand at ``angle``; noise of unit deviation."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    w = np.where(rng.random(n) < (1 + phi) / 2, z, 1 - z)
    u, side = np.linalg.qr(rng.normal(size=(d, 2))).Q.T
    v = np.cos(angle) * u + np.sin(angle) * side
    return rng.normal(size=(n, d)) + length / 2 * (np.outer(2 * z - 1, u) + np.outer(2 * w - 1, v)), z, w


def test_the_cosine_is_that_of_double_differences_in_the_metric_within_cells():
    X, z, w = world(angle=1.0)
    (V,) = contrast_rows(z, w) @ X
    expected = cosine(V[0], V[1], metric=covariance_within(X, 2 * z + w))[0]
    result = geometry_evidence(X, z, w, groups=np.arange(len(X)))
    assert result.cosine.value == pytest.approx(expected, abs=1e-5)
    assert result.cosine.low < result.cosine.value < result.cosine.high


@pytest.mark.parametrize("angle", [np.pi / 2, 1.0, 0.0])
def test_the_interval_without_noise_holds_the_true_cosine(angle):
    covered = 0
    for seed in range(10):
        X, z, w = world(n=1200, phi=0.8, seed=seed, angle=angle)
        result = geometry_evidence(X, z, w, groups=np.arange(len(X)), n_draws=200)
        covered += result.disattenuated.low <= np.cos(angle) <= result.disattenuated.high
    assert covered >= 8


def test_correlated_labels_pull_the_plain_cosine_down_but_not_the_one_without_noise():
    X, z, w = world(d=400, phi=0.9)
    result = geometry_evidence(X, z, w, groups=np.arange(len(X)))
    assert result.cosine.high < -0.3
    middle, width = (result.cosine.low + result.cosine.high) / 2, result.cosine.high - result.cosine.low
    assert middle == pytest.approx(result.cosine.value, abs=width / 5)
    assert result.disattenuated.low < 0 < result.disattenuated.high


def test_factors_that_are_not_there_stay_inside_the_null_and_are_unreliable():
    X, z, w = world(length=0.0)
    result = geometry_evidence(X, z, w, groups=np.arange(len(X)))
    assert result.null[0] < result.cosine.value < result.null[1]
    assert max(result.reliability_first, result.reliability_second) < 0.4
    assert np.isnan(result.disattenuated.low)


def test_one_axis_leaves_the_null():
    X, z, w = world(angle=0.0)
    result = geometry_evidence(X, z, w, groups=np.arange(len(X)))
    assert result.cosine.low > result.null[1]
    assert min(result.reliability_first, result.reliability_second) > 0.9


def test_groups_widen_the_interval_as_fewer_independent_rows_do():
    X, z, w = world(n=300)
    rows = geometry_evidence(np.repeat(X, 4, 0), np.repeat(z, 4), np.repeat(w, 4), groups=np.arange(1200))
    whole = geometry_evidence(
        np.repeat(X, 4, 0), np.repeat(z, 4), np.repeat(w, 4), groups=np.repeat(np.arange(300), 4)
    )
    width = [f.cosine.high - f.cosine.low for f in (rows, whole)]
    assert width[1] / width[0] == pytest.approx(2, rel=0.25)


def test_fewer_rows_than_columns_and_missing_labels_are_no_trouble():
    X, z, w = world(n=120, d=300, phi=0.2, length=6.0)
    z = np.where(np.arange(120) < 5, -1, z)
    result = geometry_evidence(X, z, w, groups=np.arange(120), n_draws=50)
    assert np.isfinite([*result.cosine, *result.null]).all()


def test_labels_that_cannot_move_have_no_null():
    X, z, w = world(n=60, phi=0.0)
    cells = 2 * z + w
    result = geometry_evidence(X, z, w, groups=cells, n_draws=20)
    assert np.isnan(result.null).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, z, w: (X, z, z), "every cell of z and w needs rows"),
        (lambda X, z, w: (np.where(X > 3, np.inf, X), z, w), "NaN or inf"),
        (lambda X, z, w: (X, z + 1, w), "z must hold 1, 0 or -1"),
        (lambda X, z, w: (X[1:], z, w), "a group per row"),
    ],
)
def test_what_has_no_angle_is_refused(change, message):
    X, z, w = world(n=200)
    with pytest.raises(ValueError, match=message):
        geometry_evidence(*change(X, z, w), groups=np.arange(200))
