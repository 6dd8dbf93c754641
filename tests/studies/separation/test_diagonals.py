"""One quantity is never two, whichever value of a label is coded 1 and wherever it is cut."""

import numpy as np
import pytest

from unsinter.studies.separation import Pair, Rule, judge_arrays

QUICK = Rule(n_splits=1)
N, D = 500, 32
POLARITIES = [(0, 0), (1, 0), (0, 1), (1, 1)]


def pair_of(z, w, turned):
    return Pair(name="p", z=z ^ turned[0], w=w ^ turned[1], groups=np.arange(len(z)))


@pytest.mark.parametrize("turned", POLARITIES)
@pytest.mark.parametrize("kind", ["shared", "reversed"])
def test_one_axis_is_never_separable_at_any_polarity_or_correlation(planted, kind, turned):
    for seed, phi in enumerate((-0.6, 0.0, 0.6)):
        X, pair = planted(kind, n=N, d=D, phi=phi, seed=seed, auroc=0.97)
        result = judge_arrays(X, pair_of(pair.z, pair.w, turned), QUICK)
        assert result.verdict in ("shared", "not-apart", "undetermined")


@pytest.mark.parametrize("turned", POLARITIES)
@pytest.mark.parametrize("pull", [0.25, 0.5])
def test_one_axis_that_one_factor_moves_less_is_never_separable(noise, labels, turned, pull):
    for seed in range(2):
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
    for seed in range(2):
        rng = np.random.default_rng(seed)
        quantity, z, w = graded(rng, cut=cut, blur=0.6)
        X = noise(N, D, rng) + 2.5 * np.outer(quantity, np.eye(D)[0])
        result = judge_arrays(X, pair_of(z, w, turned), QUICK)
        assert result.verdict in ("shared", "not-apart", "undetermined")


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


MEANS = [(4.0, 0.0), (0.0, 0.0), (0.0, 2.0), (0.0, 0.0)]
"""Cells of equal labels lie four deviations apart, those of unequal ones two."""


@pytest.fixture(scope="module")
def apart():
    """Evidence on such cells as coded, and with the second label recoded."""

    def normal(n, d, rng):
        return rng.standard_normal((n, d))

    X, z, w = cell_world(MEANS, (0.25,) * 4, np.random.default_rng(1), normal)
    return [judge_arrays(X, pair_of(z, w, turned), QUICK).evidence for turned in ((0, 0), (0, 1))]


def test_the_diagonals_are_those_of_the_cells_they_name(apart):
    plain, recoded = apart
    assert 3 < plain.mixed.value < 7
    assert 9 < plain.like.value < 18
    assert recoded.mixed.value == pytest.approx(plain.like.value, rel=1e-3)
    assert recoded.like.value == pytest.approx(plain.mixed.value, rel=1e-3)


def test_large_distances_are_those_of_mahalanobis(apart):
    plain, _ = apart
    assert plain.mixed.value == pytest.approx(4.0, rel=0.2)
    assert plain.like.value == pytest.approx(16.0, rel=0.2)
