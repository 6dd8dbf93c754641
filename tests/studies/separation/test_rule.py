import pytest

from unsinter.studies.estimate import UNKNOWN, Estimate
from unsinter.studies.separation.rule import Rule, decide
from unsinter.studies.separation.site_verdict import Evidence

HIGH, CHANCE, LOW, WIDE = (
    Estimate(0.9, 0.8, 1.0),
    Estimate(0.5, 0.4, 0.6),
    Estimate(0.1, 0.0, 0.2),
    Estimate(0.6, 0.3, 0.9),
)
BITS, NO_BITS = Estimate(0.2, 0.1, 0.3), Estimate(0.0, -0.01, 0.01)


def evidence(a, b, o_first=WIDE, o_second=WIDE, bits=(UNKNOWN, UNKNOWN)):
    return Evidence(a=a, b=b, o_first=o_first, o_second=o_second, bits_first=bits[0], bits_second=bits[1])


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (evidence(CHANCE, CHANCE), "neither"),
        (evidence(HIGH, CHANCE), "first-only"),
        (evidence(CHANCE, HIGH), "second-only"),
        (evidence(HIGH, HIGH, CHANCE, CHANCE), "shared"),
        (evidence(HIGH, HIGH, HIGH, HIGH), "separable"),
        (evidence(HIGH, HIGH, HIGH, CHANCE), "undetermined"),
        (evidence(HIGH, HIGH, HIGH, WIDE), "undetermined"),
        (evidence(HIGH, HIGH, HIGH, LOW), "undetermined"),
        (evidence(HIGH, WIDE, HIGH, HIGH), "undetermined"),
        (evidence(UNKNOWN, HIGH, HIGH, HIGH), "undetermined"),
        (evidence(HIGH, HIGH, UNKNOWN, HIGH), "undetermined"),
    ],
)
def test_the_table_says(found, verdict):
    assert decide(found, Rule())[0] == verdict


def test_a_whole_band_must_clear_the_floor_and_lie_within_the_margin():
    rule = Rule()
    assert rule.above(Estimate(0.9, 0.601, 1.0))
    assert not rule.above(Estimate(0.9, 0.6, 1.0))
    assert rule.inside(Estimate(0.5, 0.351, 0.649))
    assert not rule.inside(Estimate(0.5, 0.35, 0.6))
    assert not rule.inside(Estimate(0.5, 0.4, 0.65))


@pytest.mark.parametrize(
    ("a", "b", "bits", "verdict"),
    [
        (HIGH, HIGH, (BITS, BITS), "separable"),
        (HIGH, HIGH, (NO_BITS, BITS), "undetermined"),
        (HIGH, HIGH, (BITS, NO_BITS), "undetermined"),
        (HIGH, CHANCE, (BITS, NO_BITS), "first-only"),
        (HIGH, CHANCE, (NO_BITS, BITS), "undetermined"),
        (CHANCE, CHANCE, (NO_BITS, NO_BITS), "neither"),
    ],
)
def test_nothing_is_called_read_that_the_text_says_too(a, b, bits, verdict):
    found, reason = decide(evidence(a, b, HIGH, HIGH, bits), Rule())
    assert found == verdict
    assert ("no usable bits" in reason) == (verdict == "undetermined")


def test_the_reason_says_whose_factor_both_probes_read():
    _, reason = decide(evidence(HIGH, HIGH, LOW, HIGH), Rule())
    assert "mostly the second" in reason
    _, reason = decide(evidence(HIGH, HIGH, HIGH, LOW), Rule())
    assert "mostly the first" in reason


def test_the_reason_says_which_band_is_too_wide():
    _, reason = decide(evidence(HIGH, WIDE), Rule())
    assert reason == "the second factor may or may not be there with the other held fixed (0.60 [0.30, 0.90])"
