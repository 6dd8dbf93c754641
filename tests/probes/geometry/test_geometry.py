import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cosine as cosine_distance
from sklearn.covariance import ledoit_wolf

from unsinter.probes.geometry.contrasts import contrast_rows
from unsinter.probes.geometry.geometry import (
    cosine,
    covariance_within,
    disattenuated_cosine,
    half_weights,
    permuted_contrasts,
    position_cosine,
    split_half_reliability,
)


def factors(n=400, d=10, phi=0.6, seed=0, angle=np.pi / 2, length=1.0, noise=None):
    """Two factors whose axes stand at ``angle``; noise of unit deviation, or noise (n, d)."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    w = np.where(rng.random(n) < (1 + phi) / 2, z, 1 - z)
    u, side = np.linalg.qr(rng.normal(size=(d, 2))).Q.T
    v = np.cos(angle) * u + np.sin(angle) * side
    noise = rng.normal(size=(n, d)) if noise is None else noise
    return noise + length / 2 * (np.outer(2 * z - 1, u) + np.outer(2 * w - 1, v)), z, w


def by_loops(X, z, w):
    mu = {(a, b): X[(z == a) & (w == b)].mean(axis=0) for a in (0, 1) for b in (0, 1)}
    v_z = ((mu[1, 1] - mu[0, 1]) + (mu[1, 0] - mu[0, 0])) / 2
    v_w = ((mu[1, 1] - mu[1, 0]) + (mu[0, 1] - mu[0, 0])) / 2
    return np.stack([v_z, v_w]), mu


def test_directions_are_double_differences_of_cell_means():
    X, z, w = factors()
    np.testing.assert_allclose(contrast_rows(z, w)[0] @ X, by_loops(X, z, w)[0], atol=1e-12)


def test_a_weight_of_two_is_a_row_twice_and_an_empty_cell_is_nan():
    X, z, w = factors(n=60)
    counts = np.random.default_rng(1).integers(0, 3, size=60)
    twice = np.repeat(np.arange(60), counts)
    result = contrast_rows(z, w, weights=np.stack([counts, (z == 1) | (w == 1)]))
    np.testing.assert_allclose(result[0] @ X, by_loops(X[twice], z[twice], w[twice])[0], atol=1e-12)
    assert np.isnan(result[1]).all()


def test_every_draw_may_have_labels_of_its_own():
    X, z, w = factors(n=60)
    result = contrast_rows(np.stack([z, 1 - z]), w) @ X
    np.testing.assert_allclose(result[1], by_loops(X, 1 - z, w)[0], atol=1e-12)


@pytest.mark.parametrize(("n", "d"), [(400, 10), (60, 150)])
def test_the_whitened_cosine_is_that_of_scikit_learns_covariance_of_residuals(n, d):
    X, z, w = factors(n=n, d=d, angle=1.0)
    X = X * np.geomspace(0.01, 100, d)
    V, mu = by_loops(X, z, w)
    residual = X - np.array([mu[a, b] for a, b in zip(z, w, strict=True)])
    scale = residual.std(axis=0)
    covariance, shrinkage = ledoit_wolf(residual / scale, assume_centered=True)
    inverse_root = np.linalg.inv(sqrtm(covariance).real)
    expected = 1 - cosine_distance(*(V / scale @ inverse_root))
    metric = covariance_within(X, 2 * z + w)
    assert metric.shrinkage == pytest.approx(shrinkage, rel=1e-4)
    assert cosine(V[0], V[1], metric=metric)[0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 4, np.pi / 2, 2.5])
def test_two_vectors_at_a_known_angle(angle):
    u = np.array([2.0, 0.0, 0.0])
    v = 5 * np.array([np.cos(angle), np.sin(angle), 0.0])
    assert cosine(u, v)[0] == pytest.approx(np.cos(angle))


def test_a_direction_of_length_zero_has_no_angle():
    assert np.isnan(cosine(np.zeros(3), np.ones(3))[0])


def test_whitening_takes_out_what_varies_anyway():
    """Noise of deviation 3 along the first axis: (3, 1) and (3, -1) are orthogonal in its units."""
    X = np.random.default_rng(0).normal(size=(100_000, 2)) * [3.0, 1.0]
    metric = covariance_within(X, np.zeros(len(X)))
    assert cosine(np.array([3.0, 1.0]), np.array([3.0, -1.0]))[0] == pytest.approx(0.8)
    assert cosine(np.array([3.0, 1.0]), np.array([3.0, -1.0]), metric=metric)[0] == pytest.approx(0, abs=0.02)


def halved(X, z, w, n_splits=200, groups=None):
    groups = np.arange(len(X)) if groups is None else groups
    weights = half_weights(groups, n_splits=n_splits, seed=0).reshape(2 * n_splits, -1)
    return (contrast_rows(z, w, weights=weights) @ X).reshape(n_splits, 2, 2, -1)


def equal_cells(n):
    return np.repeat([0, 0, 1, 1], n // 4), np.repeat([0, 1, 0, 1], n // 4)


def test_reliability_is_the_share_of_squared_length_that_is_no_noise():
    """Cell means of n/4 rows: noise of the direction has variance 4 / n in each of d columns."""
    n, d, length = 800, 100, 1.0
    z, w = equal_cells(n)
    expected = length**2 / (length**2 + 4 * d / n)
    result = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n, d))
        X[:, 0] += length * z
        X[:, 1] += length * w
        result.append(split_half_reliability(halved(X, z, w, n_splits=40)))
    np.testing.assert_allclose(np.mean(result, axis=0), expected, atol=0.05)


def test_whole_groups_lie_in_one_half():
    groups = np.arange(90) // 3
    weights = half_weights(groups, n_splits=50, seed=0)
    np.testing.assert_array_equal(weights.sum(axis=1), 1)
    assert (np.ptp(weights.reshape(50, 2, 30, 3), axis=3) == 0).all()
    np.testing.assert_array_equal(weights[:, 0].sum(axis=1), 45)


def classic(halves, V):
    return cosine(V[0], V[1])[0] / np.sqrt(split_half_reliability(halves).prod())


@pytest.mark.parametrize("angle", [np.pi / 2, 1.0, 0.4])
def test_the_cosine_without_noise_is_the_true_one_where_the_classic_correction_is_not(angle):
    result, corrected, plain = [], [], []
    for seed in range(8):
        X, z, w = factors(n=2000, d=200, phi=0.8, seed=seed, angle=angle, length=3.0)
        halves, (V, _) = halved(X, z, w, n_splits=20), by_loops(X, z, w)
        result.append(disattenuated_cosine(halves))
        corrected.append(classic(halves, V))
        plain.append(cosine(V[0], V[1])[0])
    assert np.mean(result) == pytest.approx(np.cos(angle), abs=0.04)
    assert np.mean(plain) < np.cos(angle) - 0.05
    assert np.mean(corrected) < np.cos(angle) - 0.05


def test_with_equal_cells_it_agrees_with_the_classic_correction():
    z, w = equal_cells(2000)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 200))
    X[:, 0] += 2 * z + 1.2 * w
    X[:, 1] += 1.6 * w
    halves, (V, _) = halved(X, z, w), by_loops(X, z, w)
    assert disattenuated_cosine(halves) == pytest.approx(classic(halves, V), abs=0.03)
    assert disattenuated_cosine(halves) == pytest.approx(0.6, abs=0.06)


def test_noise_alone_has_no_cosine():
    z, w = equal_cells(40)
    values = [
        disattenuated_cosine(halved(np.random.default_rng(s).normal(size=(40, 50)), z, w)) for s in range(10)
    ]
    assert np.isnan(values).sum() >= 3


def test_permuted_contrasts_lose_one_factor_and_keep_the_other():
    X, z, w = factors(n=4000, length=4.0)
    without_z, without_w = permuted_contrasts(z, w, groups=np.arange(4000), n=20, seed=0)
    lengths = np.linalg.norm(without_z @ X, axis=2)
    assert (lengths[:, 0] < 0.6).all()
    assert (lengths[:, 1] > 3.5).all()
    lengths = np.linalg.norm(without_w @ X, axis=2)
    assert (lengths[:, 0] > 3.5).all()
    assert (lengths[:, 1] < 0.6).all()


def test_one_axis_at_two_rotated_positions_has_the_cosine_of_the_rotation():
    """Position alone makes the gap: z is the same factor with the same strength at both."""
    X, z, w = factors(n=40_000, d=4, phi=0.0, length=3.0)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(1.2), -np.sin(1.2)], [np.sin(1.2), np.cos(1.2)]]
    elsewhere = X @ turn.T
    V, _ = by_loops(X, z, w)
    expected = [v @ turn @ v / (v @ v) for v in V]
    np.testing.assert_allclose(position_cosine(X, elsewhere, z, w), expected, atol=0.02)
    np.testing.assert_allclose(position_cosine(X, X, z, w), 1)


@pytest.mark.parametrize(
    ("X", "cells", "message"),
    [
        (np.full((9, 2), np.nan), np.arange(9) % 2, "must be finite"),
        (np.zeros((9, 2)), np.arange(9), "more rows than cells"),
        (np.zeros((9, 2)), np.arange(9) % 2, "does not vary inside"),
        (np.zeros((9, 2)), np.arange(8) % 2, "a cell for each row"),
    ],
)
def test_a_metric_of_nothing_is_refused(X, cells, message):
    with pytest.raises(ValueError, match=message):
        covariance_within(X, cells)


def test_one_group_and_positions_of_other_rows_are_refused():
    with pytest.raises(ValueError, match="one group has no halves"):
        half_weights(np.zeros(5), n_splits=1, seed=0)
    with pytest.raises(ValueError, match="same rows and columns"):
        position_cosine(np.zeros((4, 2)), np.zeros((3, 2)), np.zeros(4), np.zeros(4))
