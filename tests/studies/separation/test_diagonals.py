"""One quantity is never two, whichever value of a label is coded 1 and wherever it is cut."""

from dataclasses import replace

import numpy as np
import pytest

from unsinter.studies.separation import Pair, Rule, judge_arrays

QUICK = Rule(n_splits=2)
N, D = 600, 32
POLARITIES = [(0, 0), (1, 0), (0, 1), (1, 1)]


def pair_of(z, w, turned):
    return Pair(name="p", z=z ^ turned[0], w=w ^ turned[1], groups=np.arange(len(z)))


@pytest.mark.parametrize("turned", POLARITIES)
@pytest.mark.parametrize("kind", ["shared", "reversed"])
def test_one_axis_is_never_separable_at_any_polarity_or_correlation(planted, kind, turned):
    for seed, phi in enumerate((-0.7, -0.3, 0.0, 0.3, 0.7)):
        X, pair = planted(kind, n=N, d=D, phi=phi, seed=seed, area=0.97)
        found = judge_arrays(X, pair_of(pair.z, pair.w, turned), QUICK)
        assert found.verdict in ("shared", "not-apart", "undetermined")


@pytest.mark.parametrize("turned", POLARITIES)
@pytest.mark.parametrize("pull", [0.25, 0.5])
def test_one_axis_that_one_factor_moves_less_is_never_separable(noise, labels, turned, pull):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        z, w = labels(N, 0.4, rng)
        X = noise(N, D, rng) + 3 * np.outer(z + pull * w, np.eye(D)[0])
        assert judge_arrays(X, pair_of(z, w, turned), QUICK).verdict not in (
            "separable", "first-only", "second-only", "neither"
        )  # fmt: skip


def graded(rng, *, cut, blur):
    """A graded quantity, and two labels that are each whether it lies above a cut."""
    quantity = rng.standard_normal(N)
    z, w = ((quantity + blur * rng.standard_normal(N) > threshold).astype(int) for threshold in (0.0, cut))
    return quantity, z, w


@pytest.mark.parametrize("turned", POLARITIES)
@pytest.mark.parametrize("cut", [0.0, 0.7])
def test_a_graded_quantity_with_two_cuts_is_never_separable(noise, turned, cut):
    """Such as "refuses where harm is large", coded as refused or as complied."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        quantity, z, w = graded(rng, cut=cut, blur=0.6)
        X = noise(N, D, rng) + 2.5 * np.outer(quantity, np.eye(D)[0])
        found = judge_arrays(X, pair_of(z, w, turned), QUICK)
        assert found.verdict in ("shared", "not-apart", "undetermined")


def cell_world(means, shares, rng, noise):
    """Four cells (both, first only, second only, neither) with these means on two axes."""
    cells = rng.choice(4, size=900, p=shares)
    X = noise(900, D, rng)
    X[:, :2] += np.array(means, dtype=float)[cells]
    return X, 1 - cells // 2, 1 - cells % 2


@pytest.mark.parametrize("shares", [(0.25, 0.25, 0.25, 0.25), (0.4, 0.1, 0.3, 0.2), (0.15, 0.15, 0.5, 0.2)])
@pytest.mark.parametrize("coincide", ["mixed", "like"])
@pytest.mark.parametrize("turned", POLARITIES)
def test_a_world_where_two_cells_coincide_is_not_separable(noise, shares, coincide, turned):
    """Where exactly one label is 1, or where both are alike, nothing tells the two cells apart."""
    means = {
        "mixed": [(3.0, 3.0), (3.0, 0.0), (3.0, 0.0), (0.0, 0.0)],
        "like": [(3.0, 0.0), (3.0, 3.0), (0.0, 0.0), (3.0, 0.0)],
    }[coincide]
    X, z, w = cell_world(means, shares, np.random.default_rng(0), noise)
    assert judge_arrays(X, pair_of(z, w, turned), QUICK).verdict != "separable"


def test_the_same_cells_apart_on_both_diagonals_are_separable(noise):
    """The positive control of the worlds above."""
    means = [(3.0, 3.0), (3.0, 0.0), (0.0, 3.0), (0.0, 0.0)]
    for shares in ((0.25, 0.25, 0.25, 0.25), (0.4, 0.1, 0.3, 0.2)):
        X, z, w = cell_world(means, shares, np.random.default_rng(0), noise)
        assert judge_arrays(X, pair_of(z, w, (0, 1)), QUICK).verdict == "separable"


def test_the_diagonals_are_the_distances_of_the_cells_they_name(noise):
    means = [(4.0, 0.0), (0.0, 0.0), (0.0, 2.0), (0.0, 0.0)]
    X, z, w = cell_world(means, (0.25,) * 4, np.random.default_rng(1), noise)
    found = judge_arrays(X, pair_of(z, w, (0, 0)), QUICK).evidence
    assert found.mixed.value == pytest.approx(4.0, rel=0.3)
    assert found.like.value == pytest.approx(16.0, rel=0.3)
    recoded = judge_arrays(X, replace(pair_of(z, w, (0, 1)), name="r"), QUICK).evidence
    assert recoded.mixed.value == pytest.approx(found.like.value, rel=1e-3)
