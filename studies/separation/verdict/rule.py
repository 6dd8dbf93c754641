"""The decision rule: evidence with its bands in, a verdict and its reason out."""

from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import norm

from unsinter.studies.data.estimate import Estimate
from unsinter.studies.separation.inputs.thresholds import CHANCE, Rule
from unsinter.studies.separation.verdict.site_verdict import Evidence, Verdict

Factor = Literal["first", "second"]

_HIDDEN = 2.3
"""Deviations of shuffled labels from which likeness of rows betrays a code."""

_NONLINEAR = 0.02
"""AUROC above chance that the lower limit of a non-linear probe must clear."""

_OTHER: dict[Factor, Factor] = {"first": "second", "second": "first"}


class Labels(NamedTuple):
    """What is known of the labels: their correlation, and whether it is known how often both of them err."""

    phi: float
    errors_are_known: bool


class Decision(NamedTuple):
    """A verdict, why, and the factors whose absence beside the other one it rests on.

    A reason names the factors as ``{first}`` and ``{second}``.
    """

    verdict: Verdict
    reason: str
    absent: tuple[Factor, ...] = ()


def decide(evidence: Evidence, labels: Labels, rule: Rule) -> Decision:
    """Return the verdict; an absence that it rests on still has to pass ``contradiction``."""
    there = {factor: _length(evidence, factor).low > rule.present for factor in _OTHER}
    if not all(np.isfinite(_length(evidence, factor).value) for factor in _OTHER):
        return Decision("undetermined", "no rows to compare one factor in with the other held fixed")
    found = None
    if all(there.values()):
        found = _two_axes(evidence, rule) or _one_axis(evidence, labels, rule)
    for factor, other in _OTHER.items():
        if found is None and there[factor]:
            found = _nothing_beyond(evidence, factor, other, labels, rule)
    if found is None and all(_is_absent(_length(evidence, factor), rule) for factor in _OTHER):
        found = Decision(
            "neither",
            "neither {first} nor {second} is read once the other is held fixed",
            ("first", "second"),
        )
    if found is None:
        return Decision("undetermined", _why(evidence, rule))
    return _beyond_text(found, evidence, rule)


def contradiction(evidence: Evidence, absent: tuple[Factor, ...], rule: Rule) -> str | None:
    """Return why factors cannot be called absent after all; None where nothing speaks against it."""
    for factor in absent:
        tests = ("hidden", "nonlinear", "bound")
        if any(np.isnan(getattr(evidence, f"{test}_{factor}").value) for test in tests):
            return f"that {{{factor}}} is absent could not be tested: too few rows to compare"
        nonlinear: Estimate = getattr(evidence, f"nonlinear_{factor}")
        hidden: Estimate = getattr(evidence, f"hidden_{factor}")
        if hidden.value > _HIDDEN or evidence.interaction.low > rule.present:
            return (
                f"rows with the same value of {{{factor}}} are more alike than their means say: a non-linear "
                "code, or one that turns between categories"
            )
        if nonlinear.low > CHANCE + _NONLINEAR:
            return f"{{{factor}}} is read by a non-linear probe only ({_interval(nonlinear)})"
        bound: Estimate = getattr(evidence, f"bound_{factor}")
        if bound.value > rule.noticed:
            return (
                f"a linear code of {{{factor}}} would have been noticed from AUROC {bound.value:.2f} only; "
                f"{rule.noticed:.2f} is asked for"
            )
    return None


def _length(evidence: Evidence, factor: Factor) -> Estimate:
    length: Estimate = getattr(evidence, f"distance_{factor}")
    return length


def _is_absent(length: Estimate, rule: Rule) -> bool:
    """Return whether the whole band lies below the margin and holds zero."""
    return length.low <= 0 and length.high < rule.absent


def _two_axes(evidence: Evidence, rule: Rule) -> Decision | None:
    apart = (evidence.beyond_first, evidence.beyond_second, evidence.mixed, evidence.like)
    if evidence.angle.low > rule.least_angle and all(length.low > rule.present for length in apart):
        return Decision("separable", "both are read, each along an axis of its own")
    return None


def _one_axis(evidence: Evidence, labels: Labels, rule: Rule) -> Decision | None:
    if not evidence.angle.high < rule.most_angle:
        return None
    if labels.errors_are_known or evidence.clumps.high < 0.5:
        return Decision("shared", f"both are read along one axis{_pull(evidence)}")
    return Decision(
        "not-apart",
        "one axis moves with both labels: it may code both factors, or one of them whose label errs "
        "(how often the labels err is not known)",
    )


def _pull(evidence: Evidence) -> str:
    first, second = (_length(evidence, factor).value for factor in _OTHER)
    ratio = np.sqrt(max(first, second) / max(min(first, second), 1e-9))
    if ratio < 1.5:
        return ""
    return f", which {{{'first' if first > second else 'second'}}} moves {ratio:.1f} times as far"


def _nothing_beyond(
    evidence: Evidence, factor: Factor, other: Factor, labels: Labels, rule: Rule
) -> Decision | None:
    """Return a verdict that the other factor has nothing beside the axis of this one; None where it may."""
    beyond: Estimate = getattr(evidence, f"beyond_{other}")
    along: Estimate = getattr(evidence, f"along_{other}")
    if not _is_absent(beyond, rule):
        return None
    is_off_axis = along.low <= 0 <= along.high
    if is_off_axis and _is_absent(_length(evidence, other), rule):
        if labels.errors_are_known or abs(labels.phi) <= rule.small_phi:
            verdict: Verdict = "first-only" if factor == "first" else "second-only"
            seen = f"{{{factor}}} is read, {{{other}}} is not read linearly once {{{factor}}} is held fixed"
            return Decision(verdict, seen, (other,))
        return Decision(
            "not-apart",
            f"nothing of {{{other}}} is read beyond {{{factor}}}: it may not be coded, or its label may be a "
            "reading of the same thing that errs (how often the labels err is not known)",
            (other,),
        )
    return Decision("not-apart", f"nothing of {{{other}}} is read off the axis of {{{factor}}}", (other,))


def _beyond_text(found: Decision, evidence: Evidence, rule: Rule) -> Decision:
    """Return the decision, or why the text alone may explain it: what is read must be read beyond the
    text."""
    claimed: tuple[Factor, ...] = ("first", "second")
    if found.verdict in ("first-only", "second-only", "neither", "not-apart"):
        claimed = tuple(factor for factor in claimed if factor not in found.absent)
    parts = []
    for factor in claimed:
        bits: Estimate = getattr(evidence, f"bits_{factor}")
        if np.isfinite(bits.value) and not bits.low > rule.least_bits:
            parts.append(f"{{{factor}}} {bits.value:.3f} [{bits.low:.3f}, {bits.high:.3f}]")
    if not parts:
        return found
    return Decision(
        "undetermined",
        f"the activations add no usable bits, or hardly any, to the text ({', '.join(parts)})",
    )


def _why(evidence: Evidence, rule: Rule) -> str:
    """Return which band leaves the question open."""
    there = {factor: _length(evidence, factor).low > rule.present for factor in _OTHER}
    for factor, other in _OTHER.items():
        length = _length(evidence, factor)
        if not there[factor] and not _is_absent(length, rule):
            return (
                f"{{{factor}}} may or may not be there with {{{other}}} held fixed "
                f"(AUROC {_area_interval(length)})"
            )
    if evidence.angle.low > rule.least_angle:
        cells = "the labels differ" if evidence.mixed.low <= evidence.like.low else "the labels are alike"
        return f"both are read, but where {cells} the two cells may lie together"
    return f"both are read, along one axis or two (squared sine {_interval(evidence.angle)})"


def _area_interval(length: Estimate) -> str:
    low, value, high = (norm.cdf(np.sqrt(max(x, 0) / 2)) for x in (length.low, length.value, length.high))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
