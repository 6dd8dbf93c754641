"""A factor that no straight axis carries is read by a kernel probe, and nothing is where nothing is."""

import numpy as np
import pytest

from unsinter.studies.separation import judge_arrays
from unsinter.studies.separation.absence import nonlinear
from unsinter.studies.separation.absence.nonlinear import FactorRows, nonlinear_auroc
from unsinter.studies.separation.contrasts.contrast import make_contrast
from unsinter.studies.separation.effects.design import EffectDesign
from unsinter.studies.separation.effects.residual_metric import coordinates
from unsinter.studies.separation.inputs.pair import Pair


def read_second(X, z, w, strata=None, groups=None):
    """The AUROC of w with z held fixed, by folds of whole groups."""
    n = len(z)
    groups = np.arange(n) if groups is None else groups
    names = None if strata is None else np.array([f"s{code}" for code in strata])
    contrast = make_contrast(Pair(name="p", z=z, w=w, groups=groups, strata=names))
    design: EffectDesign = contrast.effect_design
    return nonlinear_auroc(
        coordinates(X),
        FactorRows(
            labels=w,
            other=z,
            fixed_columns=contrast.fixed_columns,
            strata=np.zeros(n, dtype=np.intp) if strata is None else strata,
            groups=groups,
            folds=groups % 5,
            axis=design.weights(np.arange(n))[0],
        ),
        level=0.95,
    )


def code(kind, w, z, strata, rng):
    """Three columns that carry w, none of them along one straight axis."""
    n = len(w)
    sign = 2 * w - 1
    first, second, third = rng.standard_normal((3, n))
    if kind == "exclusive or":
        one, other = rng.choice([-1, 1], (2, n))
        third = rng.standard_normal(n)
        other = one * sign
        return np.column_stack([2.5 * one + first, 2.5 * other + second, third])
    if kind == "product":
        return np.column_stack([first + 3 * sign * (2 * z - 1), second, third])
    if kind == "reversed by category":
        return np.column_stack([first + 3 * sign * np.where(strata == 0, 1, -1), second, third])
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = 1.5 + 3 * w + 0.3 * first
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), third])


KINDS = ("exclusive or", "product", "reversed by category", "radius")


def world(kind, seed, *, noise, n=700, d=24, phi=0.3, labels):
    rng = np.random.default_rng(seed)
    z, w = labels(n, phi, rng)
    strata = rng.integers(0, 2, n)
    X = noise(n, d, rng)
    if kind:
        X[:, :3] = code(kind, w, z, strata, rng)
    X[:, 3] += 3 * z
    return X, z, w, strata


@pytest.mark.parametrize("kind", KINDS)
def test_codes_that_are_not_straight_are_read(kind, noise, labels):
    result = read_second(*world(kind, 0, noise=noise, labels=labels))
    assert result.low > 0.55


@pytest.mark.parametrize("kind", KINDS)
def test_such_a_code_is_never_called_absent(kind, noise, labels):
    for seed in range(2):
        X, z, w, strata = world(kind, seed, noise=noise, labels=labels)
        pair = Pair(
            name="p", z=z, w=w, groups=np.arange(len(z)), strata=np.array(["drugs", "fraud"])[strata],
            z_sure=(1.0, 1.0), w_sure=(1.0, 1.0),
        )  # fmt: skip
        assert judge_arrays(X, pair).verdict not in ("first-only", "neither", "not-apart")


@pytest.mark.parametrize("per_group", [1, 4])
def test_nothing_is_read_where_nothing_is(per_group, noise, labels):
    """The better of two probes is taken, so its lower limit may lie above chance a little more often."""
    read, aurocs = 0, []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = 240
        groups = np.arange(n) // per_group
        z, w = (codes[groups] for codes in labels(n, 0.3, rng))
        X = noise(n, 16, rng) + np.sqrt(per_group - 1) * noise(n, 16, rng)[groups]
        X[:, 3] += 3 * z
        result = read_second(X, z, w, groups=groups)
        read += result.low > 0.52
        aurocs.append(result.value)
    assert read <= 6
    assert np.mean(aurocs) == pytest.approx(0.51, abs=0.03)


def test_what_lies_along_the_other_factors_axis_is_not_read(labels):
    """w errs as a label of z's thing does: it is told along z's axis, and nowhere else."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 900)
    z, w = (np.where(rng.random(900) < 0.15, 1 - truth, truth) for _ in range(2))
    X = rng.normal(size=(900, 16)) + 4 * np.outer(truth, np.eye(16)[0])
    assert read_second(X, z, w).low < 0.54


def test_without_two_values_inside_a_block_nothing_is_known(noise):
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 100)
    strata = rng.integers(0, 2, 100)
    w = z ^ strata
    design = make_contrast(Pair(name="p", z=z, w=w, groups=np.arange(100))).effect_design
    result = nonlinear_auroc(
        coordinates(noise(100, 8, rng)),
        FactorRows(
            labels=w,
            other=z,
            fixed_columns=np.ones((100, 1)),
            strata=strata,
            groups=np.arange(100),
            folds=np.arange(100) % 5,
            axis=design.weights(np.arange(100))[0],
        ),
        level=0.95,
    )
    assert np.isnan(result.value)


@pytest.mark.parametrize("size", [1, 3, 5000])
def test_of_many_rows_whole_groups_are_drawn_whatever_their_names(size):
    groups = np.repeat(np.arange(12_000 // size + 1), size)
    chosen = nonlinear._drawn(groups)
    assert nonlinear._MOST_ROWS <= len(chosen) < nonlinear._MOST_ROWS + size
    assert np.isin(groups[chosen], np.setdiff1d(groups, groups[chosen])).sum() == 0
    assert len(np.unique(groups[chosen])) * size == len(chosen)
    renamed = (7 * groups + 3) % (len(groups) + 1)  # other names, in another order
    np.testing.assert_array_equal(nonlinear._drawn(renamed), chosen)
    np.testing.assert_array_equal(nonlinear._drawn(groups[:4000]), np.arange(4000))


def test_a_code_is_still_read_of_the_rows_that_are_drawn_of_many():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4500), 2)
    z, w = rng.integers(0, 2, (2, 4500))[:, groups]
    X = np.column_stack([code("exclusive or", w, z, None, rng), rng.standard_normal((9000, 20))])
    assert read_second(X, z, w, groups=groups).low > 0.8
    assert read_second(X, z, rng.integers(0, 2, 4500)[groups], groups=groups).low < 0.52
