"""Every planted truth, checked by a reader that knows the planted axes and so estimates nothing."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from unsinter.features.worlds import WORLDS, make_world

EFFECT = 2.3262
AT_ONE_HALF = pytest.approx(0.5, abs=0.03)  # three standard errors where rows are fewest
SEPARABLE = [
    name
    for name, kind in WORLDS.items()
    if kind.truth == "separable" and kind.is_straight and kind.second_effect is None
]


def auroc_within(label, scores, fixed, rows):
    """AUC of a label at each value of the other factor, averaged."""
    return np.mean([roc_auc_score(label[rows & (fixed == v)], scores[rows & (fixed == v)]) for v in (0, 1)])


def readings(world, rows=None):
    """A, B, O_first, O_second of readers that look along one axis and across the other."""
    rows = np.ones(len(world.X), bool) if rows is None else rows
    cosine = float(world.u_z @ world.u_w)
    across = 0.0 if cosine > 0.999 else cosine
    reads_z, reads_w = world.X @ (world.u_z - across * world.u_w), world.X @ (world.u_w - across * world.u_z)
    z, w = world.true_z, world.true_w
    apart = rows & (z != w)
    return (
        auroc_within(z, reads_z, w, rows),
        auroc_within(w, reads_w, z, rows),
        roc_auc_score(z[apart], reads_z[apart]),
        roc_auc_score(w[apart], reads_w[apart]),
    )


def world_of(name, **knobs):
    return make_world(name, n=40_000, d=40, seed=5, **{"phi": 0.5, **knobs})


@pytest.mark.parametrize("name", SEPARABLE)
def test_separable_worlds_keep_each_factor_when_the_other_says_the_opposite(name):
    world = world_of(name)
    sine = np.sqrt(1 - float(world.u_z @ world.u_w) ** 2)
    assert readings(world) == pytest.approx([norm.cdf(EFFECT * sine / np.sqrt(2))] * 4, abs=0.02)


@pytest.mark.parametrize("name", ["shared", "shared_noisy"])
def test_in_shared_worlds_one_quantity_moves_with_both_and_is_blind_where_they_differ(name):
    assert readings(world_of(name)) == (pytest.approx(0.95, abs=0.02),) * 2 + (AT_ONE_HALF,) * 2


def test_in_the_position_world_the_quantity_is_shared_at_either_position():
    world = world_of("position")
    first, second, o_first, o_second = readings(world, world.positions == 0)
    assert (first, second) == pytest.approx((0.95, 0.95), abs=0.02)
    assert (o_first, o_second) == (AT_ONE_HALF, AT_ONE_HALF)
    assert readings(world, world.positions == 1) == (AT_ONE_HALF,) * 4  # u_z and u_w say nothing there


def test_in_the_position_world_each_factor_read_at_its_own_position_looks_separate():
    """The trap: two axes at right angles, each reading its factor perfectly well."""
    world = world_of("position", massive=0.0, category_effect=0.0)
    moved = [
        world.X[rows & (label == 1)].mean(axis=0) - world.X[rows & (label == 0)].mean(axis=0)
        for rows, label in ((world.positions == 0, world.z), (world.positions == 1, world.w))
    ]
    lengths = [np.linalg.norm(each) for each in moved]
    assert min(lengths) > 2
    assert abs(moved[0] @ moved[1]) / np.prod(lengths) < 0.1


def test_only_the_coded_factor_can_be_read():
    first, second = readings(world_of("first_only")), readings(world_of("second_only"))
    assert (first[0], second[1]) == pytest.approx((0.95, 0.95), abs=0.01)
    assert (first[1], second[0]) == (AT_ONE_HALF, AT_ONE_HALF)


@pytest.mark.parametrize("name", ["neither", "category", "duplicates"])
def test_where_neither_is_coded_nothing_is_read_along_the_axes(name):
    assert readings(world_of(name)) == (pytest.approx(0.5, abs=0.03),) * 4


def test_in_the_category_world_means_differ_by_category_and_within_one_not_at_all():
    world = world_of("category", massive=0.0)
    for label, other in ((world.z, world.w), (world.w, world.z)):
        raw, within = [], []
        for value in (0, 1):
            rows = other == value
            raw.append(world.X[rows & (label == 1)].mean(axis=0) - world.X[rows & (label == 0)].mean(axis=0))
            for stratum in np.unique(world.strata):
                one, zero = (world.X[rows & (label == v) & (world.strata == stratum)] for v in (1, 0))
                error = np.sqrt(one.var(axis=0) / len(one) + zero.var(axis=0) / len(zero))
                within.append(np.abs((one.mean(axis=0) - zero.mean(axis=0)) / error).max())
        assert min(np.linalg.norm(each) for each in raw) > 0.5
        assert max(within) < norm.isf(1e-4 / 2 / (40 * 8))  # Bonferroni over coordinates and tables


def test_in_the_gated_world_w_is_coded_where_z_is_one_and_only_there():
    world = world_of("gated")
    scores = world.X @ world.u_w
    on, off = world.z == 1, world.z == 0
    assert roc_auc_score(world.w[on], scores[on]) == pytest.approx(0.95, abs=0.01)
    assert roc_auc_score(world.w[off], scores[off]) == AT_ONE_HALF
    assert auroc_within(world.z, world.X @ world.u_z, world.w, on | off) == pytest.approx(0.95, abs=0.01)


def test_separable_in_one_category_and_shared_in_all_others():
    world = world_of("one_category")
    one = world.strata == "category 0"
    assert readings(world, one) == pytest.approx([0.95] * 4, abs=0.02)
    z, w, scores = world.z, world.w, world.X @ world.u_z
    assert auroc_within(z, scores, w, ~one) == pytest.approx(0.95, abs=0.02)
    assert auroc_within(w, scores, z, ~one) == pytest.approx(0.95, abs=0.02)
    assert roc_auc_score(z[~one & (z != w)], scores[~one & (z != w)]) == AT_ONE_HALF
    assert readings(world, ~one)[1] == AT_ONE_HALF  # u_w carries nothing there


def test_unequal_errors_of_labellers_make_the_shared_axis_follow_the_better_labelled_factor():
    """Why the noisy world is a trap: among rows that disagree, most owe it to errors in w."""
    world = world_of("shared_noisy", phi=0.9, label_noise=(0.0, 0.2))
    apart = world.z != world.w
    assert roc_auc_score(world.z[apart], (world.X @ world.u_z)[apart]) > 0.8


@pytest.mark.parametrize("name", WORLDS)
def test_no_verdict_is_both_tolerated_and_false_and_silence_is_never_false(name):
    kind = WORLDS[name]
    verdicts = {"separable", "shared", "first-only", "second-only", "neither", "not-apart", "undetermined"}
    assert kind.wrong | kind.tolerated | {"undetermined"} == verdicts
    assert not kind.wrong & (kind.tolerated | {"undetermined"})
    assert kind.truth == "undetermined" or kind.truth in kind.tolerated
    assert (make_world(name).truth, make_world(name).wrong) == (kind.truth, kind.wrong)


@pytest.mark.parametrize(
    "name", [name for name, kind in WORLDS.items() if kind.truth not in ("separable", "undetermined")]
)
def test_separable_is_a_false_call_where_nothing_is_separate(name):
    assert ("separable" in WORLDS[name].wrong) == WORLDS[name].is_identifiable


def test_not_apart_is_tolerated_where_nothing_of_one_factor_lies_beyond_the_other_and_only_there():
    for kind in WORLDS.values():
        if kind.truth in ("shared", "first-only", "second-only", "not-apart"):
            assert "not-apart" in kind.tolerated
        if kind.truth == "separable":
            assert "not-apart" in kind.wrong
    assert "not-apart" in WORLDS["neither"].wrong
