"""Lengths and angle of two effects, against planted values and against explicit matrices."""

import numpy as np
import pytest
import torch

from unsinter.probes.shrunk_covariance import ledoit_wolf
from unsinter.studies.separation.effects.design import EffectDesign, SplitWeights
from unsinter.studies.separation.effects.gram import FORMS, cross_validated_effects
from unsinter.studies.separation.effects.residual_metric import Coordinates, coordinates
from unsinter.studies.separation.effects.statistics import effect_statistics

BOTH = ("distance_first", "mixed", "beyond_first", "beyond_second", "angle", "along_second")
"""Statistics that are looked at where both effects are there."""


def design_of(z, w, fixed=None):
    n = len(z)
    nothing = np.zeros((n, 0))
    fixed = nothing if fixed is None else fixed
    return EffectDesign(
        z=z.astype(float), w=w.astype(float), cells=(1 - z) * 2 + (1 - w),
        fixed_columns=np.hstack([np.ones((n, 1)), fixed]), fixed_first=nothing, fixed_second=nothing,
    )  # fmt: skip


def folds_of(n, rng, *, n_folds=5, n_splits=2):
    return np.stack([rng.permutation(np.arange(n) % n_folds) for _ in range(n_splits)])


def effects_of(X, z, w, rng, *, fixed=None, n_splits=2, groups=None):
    design = design_of(z, w, fixed)
    kinds = np.hstack([np.eye(4)[design.cells], design.fixed_columns[:, 1:]])
    folds = folds_of(len(z), rng, n_splits=n_splits)
    units = np.arange(len(z)) if groups is None else groups * 4 + design.cells
    (effects,) = cross_validated_effects(coordinates(X), kinds, SplitWeights([design], folds), units)
    return effects, design, kinds, folds


def error(statistic):
    """Standard error at one site with a row per group."""
    alone = (statistic.influence[0] ** 2).sum() - statistic.pairs[0]
    return float(np.sqrt(max(alone, statistic.pairs[0])))


def test_lengths_and_angle_are_the_planted_ones_where_rows_abound(labels):
    """x = z d_z + w d_w + topic + e with a covariance of its own: M = D' S^-1 D is known."""
    rng = np.random.default_rng(0)
    n, d = 6_000, 8
    z, w = labels(n, 0.5, rng)
    A = 0.2 * rng.normal(size=(d, d)) + np.eye(d)
    D, topic = rng.normal(size=(d, 2)) / 2, rng.integers(0, 2, n)
    X = rng.normal(size=(n, d)) @ A.T + np.column_stack([z, w]) @ D.T + 3 * topic[:, None]
    M = D.T @ np.linalg.inv(A @ A.T) @ D
    result, *_ = effects_of(X, z, w, rng, fixed=topic[:, None] * 1.0)
    values = dict(zip(FORMS, result.values, strict=True))
    mixed, like = np.array([1, -1]), np.array([1, 1])
    truth = {
        "first": M[0, 0], "second": M[1, 1], "inner": M[0, 1], "mixed": mixed @ M @ mixed,
        "like": like @ M @ like, "interaction": 0.0,
    }  # fmt: skip
    for name, value in truth.items():
        assert values[name] == pytest.approx(value, rel=0.08, abs=0.04), name
    statistics = {name: float(s.value[0]) for name, s in effect_statistics([result]).items()}
    cosine = M[0, 1] ** 2 / (M[0, 0] * M[1, 1])
    assert statistics["angle"] == pytest.approx(1 - cosine, abs=0.03)
    assert statistics["beyond_second"] == pytest.approx(M[1, 1] * (1 - cosine), rel=0.08)
    assert statistics["beyond_first"] == pytest.approx(M[0, 0] * (1 - cosine), rel=0.08)
    assert statistics["along_second"] == pytest.approx(M[0, 1] / np.sqrt(M[0, 0]), rel=0.06, abs=0.05)
    assert statistics["along_first"] == pytest.approx(M[0, 1] / np.sqrt(M[1, 1]), rel=0.06, abs=0.05)


def by_hand(Y, design, kinds, split):
    """The forms of one split by explicit inverses and loops; the metric is that of the training rows.

    It promises along each contrast a variance that held-out residuals do or do not have: each contrast has
    the ratio of both as its own scale, the inner product of two the geometric mean of theirs.
    """
    total = np.zeros(len(FORMS))
    n_folds = split.max() + 1
    for fold in range(n_folds):
        parts = []
        for rows in (np.flatnonzero(split == fold), np.flatnonzero(split != fold)):
            z, w, fixed = design.z[rows], design.w[rows], design.fixed_columns[rows]
            slopes = np.linalg.lstsq(np.column_stack([z, w, fixed]), Y[rows], rcond=None)[0][:2]
            H = np.column_stack([np.eye(4)[design.cells[rows]], fixed[:, 1:]])
            both, first, second, neither = np.linalg.lstsq(H, Y[rows], rcond=None)[0][:4]
            D = np.stack([*slopes, first - second, both - neither, both - first - second + neither])
            K = kinds[rows]
            residual = Y[rows] - K @ np.linalg.lstsq(K, Y[rows], rcond=None)[0]
            leverage = np.einsum("ij,jk,ik->i", K, np.linalg.pinv(K.T @ K), K)
            parts.append((D, residual, leverage))
        (D_test, unseen, leverage), (D_train, residual, _) = parts
        n, d = residual.shape
        S = residual.T @ residual / n
        trace = np.trace(S)
        shrinkage = ledoit_wolf(torch.as_tensor(residual), float((S * S).sum()), trace, n_dimensions=d)
        G = (1 - shrinkage) * S + shrinkage * trace / d * np.eye(d)
        inverse = np.linalg.inv(G)
        unseen = unseen / np.sqrt(1 - leverage)[:, None]
        scale = [(D @ inverse @ D) / ((unseen @ inverse @ D) ** 2).mean() for D in D_train]
        for place, (i, j) in enumerate(((0, 0), (1, 1), (0, 1), (2, 2), (3, 3), (4, 4))):
            products = D_test[i] @ inverse @ D_train[j] + D_test[j] @ inverse @ D_train[i]
            total[place] += np.sqrt(scale[i] * scale[j]) * products / 2 / n_folds
    return total


def test_the_forms_are_those_of_explicit_inverses_fold_by_fold(labels, noise):
    rng = np.random.default_rng(1)
    n, d = 120, 7
    z, w = labels(n, 0.3, rng)
    X = noise(n, d, rng) * np.exp(rng.normal(size=d)) + np.outer(z, rng.normal(size=d))
    result, design, kinds, folds = effects_of(X, z, w, rng, fixed=rng.normal(size=(n, 1)))
    Y = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(
        result.values,
        np.mean([by_hand(Y, design, kinds, split) for split in folds], axis=0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_coordinates_keep_inner_products_so_columns_beyond_rows_change_nothing(labels, noise):
    """At d > n rows are turned into n coordinates: forms agree with those of the columns themselves."""
    rng = np.random.default_rng(2)
    n, d = 60, 90
    z, w = labels(n, 0.0, rng)
    X = noise(n, d, rng) + 2 * np.outer(z, np.eye(d)[0])
    turned, design, kinds, folds = effects_of(X, z, w, rng)
    Y = (X - X.mean(axis=0)) / X.std(axis=0)
    plain = Coordinates(torch.as_tensor(Y), d)
    (straight,) = cross_validated_effects(plain, kinds, SplitWeights([design], folds), np.arange(n))
    np.testing.assert_allclose(turned.values, straight.values, rtol=1e-4, atol=1e-5)
    for one, other in ((turned.influence, straight.influence), (turned.pairs, straight.pairs)):
        np.testing.assert_allclose(one, other, rtol=0.02, atol=1e-4 * np.abs(other).max())


@pytest.mark.parametrize("d", [12, 150, 400])
def test_where_nothing_is_coded_no_length_is_expected_at_any_dimension(labels, noise, d):
    n = 150
    result = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        z, w = labels(n, 0.3, rng)
        result.append(effects_of(noise(n, d, rng), z, w, rng, n_splits=1)[0].values)
    result = np.array(result)
    # The plug-in length would be about d / 35 here: .3, 4 and 11.
    assert (np.abs(result.mean(axis=0)) < 4 * result.std(axis=0) / np.sqrt(len(result)))[:3].all()
    assert np.abs(result.mean(axis=0)[:2]).max() < 0.3


TOO_FEW_TAILS = pytest.mark.xfail(
    strict=True, reason="the sampling error of the metric is in no band: it tells where effects are large"
)


@pytest.mark.parametrize(
    ("n", "d", "size", "draw"),
    [
        (400, 8, 0.0, "noise"),
        (200, 150, 0.0, "noise"),
        (400, 8, 1.0, "normal"),
        (200, 150, 1.0, "normal"),
        pytest.param(400, 8, 2.0, "noise", marks=TOO_FEW_TAILS),
    ],
)
def test_the_stated_error_is_the_spread_over_worlds(labels, noise, n, d, size, draw):
    values, errors = {}, {}
    u, v = np.eye(d)[:2]
    for seed in range(50):
        rng = np.random.default_rng([seed, n])
        z, w = labels(n, 0.0, rng)
        e = noise(n, d, rng) if draw == "noise" else rng.normal(size=(n, d))
        effects, *_ = effects_of(e + size * (np.outer(z, u) + np.outer(w, u + v)), z, w, rng)
        statistics = effect_statistics([effects])
        for name in ("distance_first", "mixed") if n < 2 * d or not size else BOTH:
            values.setdefault(name, []).append(float(statistics[name].value[0]))
            errors.setdefault(name, []).append(error(statistics[name]))
    for name, seen in values.items():
        stated = np.sqrt(np.mean(np.square(errors[name])))
        assert 0.75 < stated / np.std(seen) < 1.35, name
