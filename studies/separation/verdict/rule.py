"""The decision rule: evidence with its bands in, a verdict and its reason out."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import norm

from unsinter.features.worlds.kinds import Verdict
from unsinter.studies.data.estimate import Estimate
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.verdict.site_verdict import Evidence
from unsinter.studies.study.verdict_defaults import CHANCE

Factor = Literal["first", "second"]

_HIDDEN = 2.3
"""Deviations of shuffled labels from which likeness of rows betrays a code, also with those of the non-linear
probe above chance: in many dimensions a code may be too faint for either alone."""

_NONLINEAR = 0.02
"""AUROC above chance that the lower limit of a non-linear probe must clear."""

_OTHER: dict[Factor, Factor] = {"first": "second", "second": "first"}

PLACES: dict[Factor, str] = {"first": "{first}", "second": "{second}"}
"""What stands in a reason for a factor until it is named."""


class LabelQuality(NamedTuple):
    """What is known of the labels: their correlation, and whether it is known how often both of them err."""

    phi: float
    errors_are_known: bool


class Decision(NamedTuple):
    """A verdict, why, and the factors whose absence beside the other one it rests on.

    A reason names the factors as in ``PLACES``.
    """

    verdict: Verdict
    reason: Reason
    absent: tuple[Factor, ...] = ()


def decide(evidence: Evidence, labels: LabelQuality, rule: Rule) -> Decision:
    """Return the verdict; an absence that it rests on still has to pass ``contradiction``."""
    there = {factor: _length(evidence, factor).low > rule.present for factor in _OTHER}
    if not all(np.isfinite(_length(evidence, factor).value) for factor in _OTHER):
        return Decision("undetermined", Reason("nothing-to-compare"))
    decision = None
    if all(there.values()):
        decision = _two_axes(evidence, rule) or _one_axis(evidence, labels, rule)
    for factor, other in _OTHER.items():
        if decision is None and there[factor]:
            decision = _nothing_beyond(evidence, factor, other, labels, rule)
    if decision is None and all(_is_absent(_length(evidence, factor), rule) for factor in _OTHER):
        decision = Decision("neither", Reason("neither", **PLACES), ("first", "second"))
    if decision is None:
        return Decision("undetermined", _why(evidence, rule))
    return _beyond_text(decision, evidence, rule)


def contradiction(evidence: Evidence, absent: tuple[Factor, ...], rule: Rule) -> Reason | None:
    """Return why factors cannot be called absent after all; None where nothing speaks against it."""
    for factor in absent:
        tests = ("hidden", "nonlinear", "bound")
        if any(np.isnan(getattr(evidence, f"{test}_{factor}").value) for test in tests):
            return Reason("absence-untested", factor=PLACES[factor])
        nonlinear: Estimate = getattr(evidence, f"nonlinear_{factor}")
        hidden: Estimate = getattr(evidence, f"hidden_{factor}")
        if hidden.value > _HIDDEN or evidence.interaction.low > rule.present:
            return Reason("hidden-code", factor=PLACES[factor])
        if nonlinear.low > CHANCE + _NONLINEAR:
            return Reason("nonlinear-only", factor=PLACES[factor], auroc=nonlinear)
        if (both := hidden.value + _above_chance(nonlinear, rule)) > _HIDDEN:
            return Reason("hints-of-a-code", factor=PLACES[factor], deviations=both)
        bound: Estimate = getattr(evidence, f"bound_{factor}")
        if bound.value > rule.noticed:
            return Reason(
                "absence-not-noticed", factor=PLACES[factor], noticed=bound.value, wanted=rule.noticed
            )
    return None


def _above_chance(reading: Estimate, rule: Rule) -> float:
    """Return by how many deviations the AUROC of a non-linear probe lies above chance; 0 where below."""
    deviation = (reading.value - reading.low) / float(norm.ppf(rule.level))
    return max(0.0, (reading.value - CHANCE) / deviation) if deviation > 0 else 0.0


def _length(evidence: Evidence, factor: Factor) -> Estimate:
    length: Estimate = getattr(evidence, f"distance_{factor}")
    return length


def _is_absent(length: Estimate, rule: Rule) -> bool:
    """Return whether the whole band lies below the margin and holds zero."""
    return length.low <= 0 and length.high < rule.absent


def _two_axes(evidence: Evidence, rule: Rule) -> Decision | None:
    apart = (evidence.beyond_first, evidence.beyond_second, evidence.mixed, evidence.like)
    if evidence.angle.low > rule.least_angle and all(length.low > rule.present for length in apart):
        return Decision("separable", Reason("two-axes"))
    return None


def _one_axis(evidence: Evidence, labels: LabelQuality, rule: Rule) -> Decision | None:
    if not evidence.angle.high < rule.most_angle:
        return None
    if labels.errors_are_known or evidence.clumps.high < 0.5:
        return Decision("shared", _one_axis_reason(evidence))
    return Decision("not-apart", Reason("one-axis-unsure"))


def _one_axis_reason(evidence: Evidence) -> Reason:
    first, second = (_length(evidence, factor).value for factor in _OTHER)
    ratio = np.sqrt(max(first, second) / max(min(first, second), 1e-9))
    if ratio < 1.5:
        return Reason("one-axis")
    return Reason("one-axis-uneven", factor=PLACES["first" if first > second else "second"], times=ratio)


def _nothing_beyond(
    evidence: Evidence, factor: Factor, other: Factor, labels: LabelQuality, rule: Rule
) -> Decision | None:
    """Return a verdict that the other factor has nothing beside the axis of this one; None where it may."""
    beyond: Estimate = getattr(evidence, f"beyond_{other}")
    along: Estimate = getattr(evidence, f"along_{other}")
    if not _is_absent(beyond, rule):
        return None
    names = {"factor": PLACES[factor], "other": PLACES[other]}
    is_off_axis = along.low <= 0 <= along.high
    if is_off_axis and _is_absent(_length(evidence, other), rule):
        if labels.errors_are_known or abs(labels.phi) <= rule.small_phi:
            verdict: Verdict = "first-only" if factor == "first" else "second-only"
            return Decision(verdict, Reason("one-factor", **names), (other,))
        return Decision("not-apart", Reason("nothing-beyond", **names), (other,))
    return Decision("not-apart", Reason("nothing-off-axis", **names), (other,))


def _beyond_text(decision: Decision, evidence: Evidence, rule: Rule) -> Decision:
    """Return the decision, or why the text alone may explain it: what is read must be read beyond the
    text."""
    claimed: tuple[Factor, ...] = ("first", "second")
    if decision.verdict in ("first-only", "second-only", "neither", "not-apart"):
        claimed = tuple(factor for factor in claimed if factor not in decision.absent)
    missing: dict[Factor, Estimate] = {}
    for factor in claimed:
        bits: Estimate = getattr(evidence, f"bits_{factor}")
        if np.isfinite(bits.value) and not bits.low > rule.least_bits:
            missing[factor] = bits
    if not missing:
        return decision
    return Decision("undetermined", _no_bits(missing))


def _no_bits(missing: Mapping[Factor, Estimate]) -> Reason:
    if len(missing) == 1:
        ((factor, bits),) = missing.items()
        return Reason("no-bits-of-one", factor=PLACES[factor], bits=bits)
    bands = {f"bits_{factor}": bits for factor, bits in missing.items()}
    return Reason("no-bits-of-both", **PLACES, **bands)


def _why(evidence: Evidence, rule: Rule) -> Reason:
    """Return which band leaves the question open."""
    there = {factor: _length(evidence, factor).low > rule.present for factor in _OTHER}
    for factor, other in _OTHER.items():
        length = _length(evidence, factor)
        if not there[factor] and not _is_absent(length, rule):
            names = {"factor": PLACES[factor], "other": PLACES[other]}
            return Reason("factor-unsure", **names, auroc=_auroc(length))
    if evidence.angle.low > rule.least_angle:
        are_unlike = evidence.mixed.low <= evidence.like.low
        return Reason("unlike-cells-unsure" if are_unlike else "like-cells-unsure")
    return Reason("axes-unsure", angle=evidence.angle)


def _auroc(length: Estimate) -> Estimate:
    """Return the AUROC that a squared length stands for."""
    return Estimate(*(float(norm.cdf(np.sqrt(max(x, 0) / 2))) for x in length))
