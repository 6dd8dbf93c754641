import numpy as np
import pytest

from unsinter.studies.across_categories.contrast import CategoryContrast, make_contrast
from unsinter.studies.across_categories.data import make_data
from unsinter.studies.across_categories.directions import (
    common_share,
    direction_evidence,
    effective_rank,
    measure_directions,
    noise_gram,
)

K = 6


@pytest.fixture
def make_world():
    """Make twins of K categories; the given share of their directions' variance lies on one axis."""

    def make(share, *, seed=0, m=100, d=48, strengths=None):
        rng = np.random.default_rng(seed)
        axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
        strengths = np.ones(K) if strengths is None else np.asarray(strengths)
        scale = 3 * np.arange(1, d + 1) ** -0.5  # noise of unequal size, as in language models
        X, groups = [], np.arange(2 * K * m) % m + np.arange(2 * K * m) // (2 * m) * m
        for number, strength in enumerate(strengths):
            twin = rng.normal(size=(m, d)) * scale
            shift = strength * (np.sqrt(share) * axes[0] + np.sqrt(1 - share) * axes[1 + number])
            X += [twin + rng.normal(size=(m, d)) * scale + side * shift for side in (1, 0)]
        starts = np.arange(K) * 2 * m
        contrast = CategoryContrast(
            names=tuple("abcdef"),
            positive=tuple(s + np.arange(m) for s in starts),
            negative=tuple(s + m + np.arange(m) for s in starts),
        )
        return np.concatenate(X), contrast, groups

    return make


def evidence(world, *, n_draws=300, seed=0):
    return direction_evidence(*world, level=0.95, n_draws=n_draws, seed=seed)


def test_effective_rank_counts_axes_whatever_their_lengths():
    rng = np.random.default_rng(0)
    lengths = rng.uniform(0.1, 10, size=7)
    one = np.outer(lengths, rng.normal(size=20))
    many = lengths[:, None] * np.linalg.qr(rng.normal(size=(20, 7)))[0].T
    ranks = effective_rank(np.array([one @ one.T, many @ many.T]))
    assert ranks == pytest.approx([1, 7], abs=1e-6)


def test_effective_rank_is_exp_entropy_of_squared_singular_values_of_unit_vectors():
    V = np.random.default_rng(1).normal(size=(11, 30)) + 1
    p = np.linalg.svd(V / np.linalg.norm(V, axis=1, keepdims=True), compute_uv=False) ** 2 / 11
    assert effective_rank((V @ V.T)[None])[0] == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-9)


def test_common_share_of_known_vectors_is_their_mean_cosine():
    axes = np.eye(5)
    V = np.sqrt(0.7) * axes[0] + np.sqrt(0.3) * axes[1:]
    assert common_share((V @ V.T)[None])[0] == pytest.approx(0.7)


def test_one_common_axis_is_found_as_one(make_world):
    result = evidence(make_world(1.0))
    assert result.share.low <= 1.0 <= result.share.high + 1e-9
    assert result.share.value > 0.94
    assert result.p_one_axis > 0.05
    assert result.rank_one_axis.low < result.rank < result.rank_one_axis.high
    assert result.rank_corrected.value < 1.3
    # Noise alone makes it look like several axes: that is why there is a null.
    assert result.rank > 1.8


def test_one_axis_with_unequal_strengths_is_still_one_axis(make_world):
    result = evidence(make_world(1.0, strengths=[0.7, 1, 1.3, 1.6, 1.9, 2.2]))
    assert result.share.value > 0.94
    assert result.p_one_axis > 0.05


def test_an_axis_per_category_is_found_as_many(make_world):
    result = evidence(make_world(0.0, strengths=[2.0] * K))
    assert result.share.low < 0.05
    assert abs(result.share.value) < 0.08
    assert result.rank > 0.9 * K
    assert result.rank_corrected.value > 0.9 * K
    assert result.p_one_axis < 0.01


def test_half_a_common_axis_is_measured_as_half(make_world):
    result = [evidence(make_world(0.5, seed=seed), n_draws=200, seed=seed) for seed in range(20)]
    assert np.mean([f.share.value for f in result]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([f.share.low <= 0.5 <= f.share.high for f in result]) >= 0.85
    assert np.mean([f.p_one_axis < 0.05 for f in result]) >= 0.9


def test_the_one_axis_null_rejects_one_axis_in_five_percent_at_most(make_world):
    result = [evidence(make_world(1.0, seed=seed), n_draws=200, seed=seed).p_one_axis for seed in range(40)]
    # Of 40 at 5 %, more than 6 happen with probability 0.3 %.
    assert np.sum(np.array(result) < 0.05) <= 6


def test_no_direction_looks_like_the_permuted_labels(make_world):
    result = [evidence(make_world(0.0, seed=seed, strengths=[0.0] * K), n_draws=100) for seed in range(10)]
    inside = [f.rank_no_axis.low <= f.rank <= f.rank_no_axis.high for f in result]
    assert np.mean(inside) >= 0.7
    assert np.mean([f.p_one_axis < 0.05 for f in result]) <= 0.2
    assert abs(np.mean([f.reliability for f in result])) < 0.1


def test_opposite_directions_share_an_axis_and_not_a_direction():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 30))
    X[:60, 0] += 2
    X[120:180, 0] -= 2  # the second category's direction is the first's, turned round
    sides = [np.arange(start, start + 60) for start in (0, 60, 120, 180)]
    contrast = CategoryContrast(names=("a", "b"), positive=tuple(sides[::2]), negative=tuple(sides[1::2]))
    result = evidence((X, contrast, np.arange(240)))
    assert result.share.value < -0.9
    assert result.rank_one_axis.low < result.rank < result.rank_one_axis.high


def test_activations_that_never_vary_have_no_direction_and_no_p():
    sides = [np.arange(start, start + 60) for start in (0, 60, 120, 180)]
    contrast = CategoryContrast(names=("a", "b"), positive=tuple(sides[::2]), negative=tuple(sides[1::2]))
    result = evidence((np.ones((240, 5)), contrast, np.arange(240)))
    assert np.isnan([result.rank, result.p_one_axis, *result.share, *result.rank_no_axis]).all()


def test_noise_of_twins_is_that_of_repeated_worlds(make_world):
    drawn = [make_world(0.0, seed=seed, strengths=[0.0] * K, m=30) for seed in range(200)]
    squares, noise = [], []
    for X, contrast, groups in drawn:
        result = measure_directions(X, contrast.equal(), groups)
        squares.append((result.V**2).sum(axis=1).mean())
        noise.append(np.diag(noise_gram(result)).mean())
    # There is no direction: all of the squared length is noise, and shared twin noise is no part of it.
    assert np.mean(noise) == pytest.approx(np.mean(squares), rel=0.05)


def test_harmless_rows_of_the_same_topic_are_used_where_every_category_has_them():
    names = np.repeat(["a", "b"], 100)
    harmful = np.tile([1, 0], 100)
    labels = dict(categories=names, wording=[""] * 200, groups=np.arange(200))
    contrast = make_contrast(make_data(harmful, **labels), min_groups=30, seed=0)
    assert contrast.is_matched
    for number, name in enumerate(contrast.names):
        assert set(names[contrast.negative[number]]) == {name}


def test_harmless_rows_without_topic_are_dealt_out_by_group_and_never_shared():
    harmful = np.r_[np.ones(160, dtype=int), np.zeros(160, dtype=int)]
    names = np.r_[np.repeat(["a", "b"], 80), [""] * 160]
    groups = np.r_[np.arange(160), 1000 + np.arange(160) // 2]
    data = make_data(harmful, categories=names, wording=[""] * 320, groups=groups)
    contrast = make_contrast(data, min_groups=30, seed=0)
    assert not contrast.is_matched
    first, second = (set(data.groups[rows]) for rows in contrast.negative)
    assert not first & second
    assert len(first | second) == 80
    assert [len(rows) for rows in contrast.negative] == [80, 80]
