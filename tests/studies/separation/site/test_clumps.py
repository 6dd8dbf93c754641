"""The middle of one axis: a place of its own, or wrongly labelled rows from both ends."""

from dataclasses import replace

import numpy as np
import pytest

from unsinter.studies.data.estimate import UNKNOWN
from unsinter.studies.separation import judge_arrays
from unsinter.studies.separation.site.clumps import clumps

POLARITIES = [(False, False), (True, False), (False, True), (True, True)]


def read(axis, z, w, *, same_way, groups=None):
    groups = np.arange(len(z)) if groups is None else groups
    return clumps(axis, (1 - z) * 2 + (1 - w), groups, same_way=same_way, level=0.95)


def shared_axis(z, w, rng, *, length=2.5, pull=0.5):
    """Both factors move one quantity, the second ``pull`` of the way."""
    return length * ((1 - pull) * z + pull * w) + rng.standard_normal(len(z))


def one_coded(rng, n, *, errors=(0.15, 0.15), length=3.0):
    """Place on the axis of a truth that both labels are imperfect readings of."""
    truth = rng.integers(0, 2, n)
    z, w = (np.where(rng.random(n) < share, 1 - truth, truth) for share in errors)
    return length * truth + rng.standard_normal(n), z, w


@pytest.mark.parametrize(("turn_z", "turn_w"), POLARITIES)
@pytest.mark.parametrize("pull", [0.5, 0.3])
def test_a_quantity_that_both_factors_move_has_no_excess_in_its_middle(labels, turn_z, turn_w, pull):
    rng = np.random.default_rng(3)
    z, w = labels(8000, 0.4, rng)
    axis = shared_axis(z, w, rng, pull=pull)
    result = read(axis, z ^ turn_z, w ^ turn_w, same_way=turn_z == turn_w)
    assert result.value == pytest.approx(0.0, abs=0.1)
    assert result.low < 0 < result.high < 0.5


@pytest.mark.parametrize(("turn_z", "turn_w"), POLARITIES)
@pytest.mark.parametrize("errors", [(0.15, 0.15), (0.2, 0.08)])
def test_one_coded_factor_whose_labels_err_has_a_mixture_of_both_ends_there(turn_z, turn_w, errors):
    """The ends hold a few wrong rows too, so that the excess comes out a little below 1."""
    rng = np.random.default_rng(1)
    axis, z, w = one_coded(rng, 20_000, errors=errors)
    result = read(axis, z ^ turn_z, w ^ turn_w, same_way=turn_z == turn_w)
    assert 0.7 < result.value < 1.1
    assert result.low > 0.5


def test_the_end_that_is_called_high_and_the_units_of_the_axis_do_not_matter(labels):
    rng = np.random.default_rng(2)
    z, w = labels(900, 0.3, rng)
    axis = shared_axis(z, w, rng)
    expected = read(axis, z, w, same_way=True)
    np.testing.assert_allclose(read(7 - 3 * axis, z, w, same_way=True), expected, rtol=1e-6, atol=1e-9)


def test_limits_hold_the_truth_in_about_nine_of_ten_worlds_and_count_groups(labels):
    misses = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        z, w = labels(600, 0.3, rng)
        result = read(shared_axis(z, w, rng), z, w, same_way=True)
        misses += not result.low <= 0 <= result.high
    assert 0.04 < misses / 200 < 0.17
    rng = np.random.default_rng(0)
    z, w = labels(300, 0.3, rng)
    axis = shared_axis(z, w, rng)
    alone, fourfold = (
        read(np.tile(axis, k), np.tile(z, k), np.tile(w, k), same_way=True, groups=np.tile(np.arange(300), k))
        for k in (1, 4)
    )
    assert fourfold.high - fourfold.low == pytest.approx(alone.high - alone.low, rel=0.05)


def test_without_rows_in_the_middle_nothing_is_known():
    z = np.repeat([0, 1], 50)
    axis = 2.0 * z + np.random.default_rng(0).normal(size=100)
    assert read(axis, z, z, same_way=True) is UNKNOWN


@pytest.mark.parametrize(("kind", "turned"), [("shared", 0), ("reversed", 0), ("shared", 1)])
def test_the_axis_of_a_verdict_shows_a_shared_quantity_as_one(planted, kind, turned):
    result = []
    for seed in range(4):
        X, pair = planted(kind, n=800, d=24, phi=0.0, seed=seed, auroc=0.98)
        result.append(judge_arrays(X, replace(pair, w=pair.w ^ turned)).evidence.clumps.value)
    assert np.mean(result) == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize("turned", [0, 1])
def test_two_readings_of_one_thing_are_never_called_shared(planted, turned):
    """Else two labels of one factor, both with errors, would pass for two factors on one axis."""
    for seed in range(2):
        X, pair = planted("first-only", n=1500, d=16, seed=seed, auroc=0.98)
        rng = np.random.default_rng(seed)
        z, w = (np.where(rng.random(1500) < 0.15, 1 - pair.z, pair.z) for _ in range(2))
        result = judge_arrays(X, replace(pair, z=z, w=w ^ turned))
        assert result.verdict in ("not-apart", "undetermined")
        assert result.evidence.clumps.high > 0.5
