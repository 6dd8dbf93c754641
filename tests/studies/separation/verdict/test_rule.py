from dataclasses import replace

import pytest
from scipy.stats import norm

from unsinter.studies.data.estimate import UNKNOWN, Estimate
from unsinter.studies.separation.inputs.thresholds import Rule, squared_length
from unsinter.studies.separation.verdict.rule import LabelQuality, contradiction, decide
from unsinter.studies.separation.verdict.site_verdict import Evidence

RULE = Rule()
P, A = RULE.present, RULE.absent
STRONG = Estimate(20 * P, 10 * P, 30 * P)
NOTHING = Estimate(0.0, -0.5 * A, 0.5 * A)
FAINT = Estimate(0.5 * A, 0.1 * A, 0.9 * A)  # certainly there, and certainly small
OPEN = Estimate(2 * A, -0.5 * A, 5 * A)
STILL = Estimate(0.0, -0.2, 0.2)
APART, ONE, EITHER = Estimate(0.9, 0.7, 1.0), Estimate(0.01, -0.02, 0.05), Estimate(0.2, 0.01, 0.4)
CLUMPED, SMOOTH = Estimate(1.0, 0.7, 1.3), Estimate(0.0, -0.3, 0.3)
BITS, NO_BITS = Estimate(0.2, 0.1, 0.3), Estimate(0.0, -0.01, 0.01)
KNOWN, UNSURE, BALANCED = LabelQuality(0.6, True), LabelQuality(0.6, False), LabelQuality(0.1, False)

TWO_AXES = Evidence(
    distance_first=STRONG, distance_second=STRONG, angle=APART, beyond_first=STRONG, beyond_second=STRONG,
    along_first=STILL, along_second=STILL, mixed=STRONG, like=STRONG, clumps=SMOOTH,
)  # fmt: skip
ONE_AXIS = replace(TWO_AXES, angle=ONE, beyond_first=NOTHING, beyond_second=NOTHING, like=NOTHING)
FIRST = replace(TWO_AXES, distance_second=NOTHING, angle=EITHER, beyond_second=NOTHING)
SECOND = replace(TWO_AXES, distance_first=NOTHING, angle=EITHER, beyond_first=NOTHING)
NEITHER = replace(FIRST, distance_first=NOTHING, beyond_first=NOTHING, mixed=NOTHING, like=NOTHING)


def verdict(evidence, labels=KNOWN):
    return decide(evidence, labels, RULE).verdict


@pytest.mark.parametrize(
    ("evidence", "called", "absent"),
    [
        (TWO_AXES, "separable", ()),
        (ONE_AXIS, "shared", ()),
        (FIRST, "first-only", ("second",)),
        (SECOND, "second-only", ("first",)),
        (NEITHER, "neither", ("first", "second")),
    ],
)
def test_the_table_says(evidence, called, absent):
    result = decide(evidence, KNOWN, RULE)
    assert (result.verdict, result.absent) == (called, absent)


@pytest.mark.parametrize("name", ["distance_first", "distance_second", "beyond_first", "beyond_second"])
@pytest.mark.parametrize("value", [OPEN, FAINT])
def test_two_axes_need_both_effects_and_what_each_keeps_off_the_others_axis(name, value):
    assert verdict(replace(TWO_AXES, **{name: value})) == "undetermined"


@pytest.mark.parametrize("name", ["mixed", "like"])
@pytest.mark.parametrize("value", [OPEN, NOTHING, UNKNOWN])
def test_two_axes_need_both_diagonals_of_the_cells_to_be_told_apart(name, value):
    result = decide(replace(TWO_AXES, **{name: value}), KNOWN, RULE)
    assert result.verdict == "undetermined"
    assert ("the labels differ" if name == "mixed" else "the labels are alike") in result.reason or (
        value is UNKNOWN
    )


@pytest.mark.parametrize("angle", [EITHER, UNKNOWN])
def test_an_angle_that_may_be_none_is_neither_one_axis_nor_two(angle):
    assert verdict(replace(TWO_AXES, angle=angle)) == "undetermined"


def test_a_whole_band_must_clear_its_threshold():
    for name in ("distance_first", "beyond_second", "mixed", "like"):
        just = Estimate(20 * P, 1.001 * P, 30 * P)
        assert verdict(replace(TWO_AXES, **{name: just})) == "separable"
        assert verdict(replace(TWO_AXES, **{name: just._replace(low=P)})) == "undetermined"
    edge = RULE.least_angle
    assert verdict(replace(TWO_AXES, angle=Estimate(0.5, edge + 1e-6, 0.9))) == "separable"
    assert verdict(replace(TWO_AXES, angle=Estimate(0.5, edge, 0.9))) == "undetermined"


def test_one_axis_whose_middle_may_be_wrong_labels_is_not_called_shared_unless_their_rate_is_known():
    assert verdict(ONE_AXIS, KNOWN) == "shared"
    assert verdict(ONE_AXIS, UNSURE) == "shared"
    assert verdict(replace(ONE_AXIS, clumps=CLUMPED), KNOWN) == "shared"
    for clumps in (CLUMPED, UNKNOWN, Estimate(0.0, -0.9, 0.9)):
        assert verdict(replace(ONE_AXIS, clumps=clumps), UNSURE) == "not-apart"


@pytest.mark.parametrize(("evidence", "called"), [(FIRST, "first-only"), (SECOND, "second-only")])
def test_one_factor_alone_needs_known_errors_or_labels_that_hardly_go_together(evidence, called):
    assert verdict(evidence, KNOWN) == called
    assert verdict(evidence, BALANCED) == called
    assert verdict(evidence, BALANCED._replace(phi=-0.1)) == called
    for phi in (0.6, -0.6, RULE.small_phi + 0.01, float("nan")):
        assert verdict(evidence, LabelQuality(phi, False)) == "not-apart"


def test_a_factor_that_moves_the_others_axis_a_little_is_not_called_absent():
    for moved in (Estimate(0.3, 0.1, 0.5), Estimate(-0.3, -0.5, -0.1)):
        assert verdict(replace(FIRST, along_second=moved), BALANCED) == "not-apart"


@pytest.mark.parametrize("name", ["distance_second", "beyond_second"])
@pytest.mark.parametrize("value", [FAINT, OPEN])
def test_an_absence_needs_a_band_that_holds_nothing_at_all_and_ends_below_the_margin(name, value):
    assert verdict(replace(FIRST, **{name: value}), KNOWN) != "first-only"
    assert verdict(replace(NEITHER, distance_second=value)) == "undetermined"


@pytest.mark.parametrize("factor", ["first", "second"])
def test_an_absence_is_withdrawn_where_a_probe_reads_it_or_a_code_would_have_been_missed(factor):
    stands = {
        f"nonlinear_{factor}": Estimate(0.5, 0.47, 0.53),
        f"hidden_{factor}": Estimate(2.3, float("nan"), float("nan")),
        f"bound_{factor}": Estimate(RULE.noticed, float("nan"), float("nan")),
        "interaction": NOTHING,
    }
    assert contradiction(replace(NEITHER, **stands), (factor,), RULE) is None
    for name, value in (
        (f"nonlinear_{factor}", Estimate(0.7, 0.6, 0.8)),
        (f"hidden_{factor}", Estimate(2.31, float("nan"), float("nan"))),
        (f"nonlinear_{factor}", Estimate(0.505, 0.475, 0.535)),
        ("interaction", STRONG),
        (f"bound_{factor}", Estimate(RULE.noticed + 0.01, 0, 0)),
    ):
        against = contradiction(replace(NEITHER, **(stands | {name: value})), (factor,), RULE)
        assert f"{{{factor}}}" in against
    assert contradiction(replace(NEITHER, **stands), (), RULE) is None


@pytest.mark.parametrize(
    ("hidden", "auroc", "withdrawn"),
    [(1.2, 0.52, False), (1.2, 0.54, True), (2.2, 0.49, False), (-1.0, 0.54, False), (0.0, 0.5, False)],
)
def test_two_hints_of_a_code_that_are_too_faint_alone_add_up(hidden, auroc, withdrawn):
    width = 0.03 * float(norm.ppf(RULE.level))  # an AUROC of .54 lies 4/3 deviations above chance
    evidence = replace(
        NEITHER, interaction=NOTHING,
        nonlinear_second=Estimate(auroc, auroc - width, auroc + width),
        hidden_second=Estimate(hidden, float("nan"), float("nan")),
        bound_second=Estimate(RULE.noticed, float("nan"), float("nan")),
    )  # fmt: skip
    against = contradiction(evidence, ("second",), RULE)
    assert (against is not None) == withdrawn
    if withdrawn:
        assert against.code == "hints-of-a-code"
        assert against.values["deviations"] == pytest.approx(1.2 + 4 / 3)


@pytest.mark.parametrize(
    ("evidence", "bits", "called"),
    [
        (TWO_AXES, (BITS, BITS), "separable"),
        (TWO_AXES, (NO_BITS, BITS), "undetermined"),
        (TWO_AXES, (BITS, NO_BITS), "undetermined"),
        (ONE_AXIS, (NO_BITS, BITS), "undetermined"),
        (FIRST, (BITS, NO_BITS), "first-only"),
        (FIRST, (NO_BITS, BITS), "undetermined"),
        (NEITHER, (NO_BITS, NO_BITS), "neither"),
    ],
)
def test_nothing_is_called_read_that_the_text_says_too(evidence, bits, called):
    result = decide(replace(evidence, bits_first=bits[0], bits_second=bits[1]), KNOWN, RULE)
    assert result.verdict == called
    assert ("no usable bits" in result.reason) == (called == "undetermined")


@pytest.mark.parametrize("name", ["distance_first", "distance_second"])
@pytest.mark.parametrize("evidence", [TWO_AXES, ONE_AXIS, FIRST, NEITHER])
def test_an_effect_that_is_not_known_leaves_everything_open(name, evidence):
    assert verdict(replace(evidence, **{name: UNKNOWN})) == "undetermined"


def test_the_reason_names_the_open_factor_and_its_auroc():
    reason = decide(replace(TWO_AXES, distance_second=OPEN), KNOWN, RULE).reason
    assert reason.startswith("{second} may or may not be there with {first} held fixed (AUROC 0.")
    assert "squared sine" in decide(replace(TWO_AXES, angle=EITHER), KNOWN, RULE).reason


def test_one_axis_says_which_factor_weighs_more():
    assert "moves" not in decide(ONE_AXIS, KNOWN, RULE).reason
    more = Estimate(*(9 * value for value in STRONG))
    assert "{second} moves 3.0 times" in decide(replace(ONE_AXIS, distance_second=more), KNOWN, RULE).reason


def test_squared_lengths_are_those_of_two_normal_classes():
    assert squared_length(0.5) == 0
    # Two unit normals 1 apart: an AUROC of Phi(1 / sqrt 2) = .7602.
    assert squared_length(0.760249938906523) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["hidden_second", "nonlinear_second", "bound_second"])
def test_an_absence_that_could_not_be_tested_is_withdrawn(name):
    tested = replace(
        FIRST, nonlinear_second=Estimate(0.5, 0.47, 0.53), bound_second=Estimate(RULE.noticed, 0, 0),
        hidden_second=Estimate(0.0, 0, 0), interaction=NOTHING,
    )  # fmt: skip
    assert contradiction(tested, ("second",), RULE) is None
    against = contradiction(replace(tested, **{name: UNKNOWN}), ("second",), RULE)
    assert "could not be tested" in against
    assert "{second}" in against
    assert contradiction(replace(tested, **{name: UNKNOWN}), (), RULE) is None
