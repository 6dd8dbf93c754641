"""The decision rule, as one table: evidence with its bands in, a verdict and its reason out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unsinter.studies.estimate import Estimate
from unsinter.studies.separation.site_verdict import Evidence, Verdict

CHANCE = 0.5


_EDGE, _TINY = 1e-12, np.finfo(float).tiny
_RANGES = {
    "effect_floor": (0.0, CHANCE - _EDGE, "a number from 0 to below .5"),
    "margin": (_TINY, CHANCE - _EDGE, "a number above 0 and below .5"),
    "least_bits": (0.0, np.finfo(float).max, "a finite number of 0 or more"),
    "level": (CHANCE + _EDGE, 1 - _EDGE, "a number above .5 and below 1"),
    "near_copies": (0.0, 1.0, "a share from 0 to 1"),
}
_LEAST_COUNTS = {"min_groups": 2, "n_folds": 2, "n_draws": 100, "seed": 0, "n_imputations": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Thresholds of the verdict; the defaults are those whose error rates are published.

    Attributes
    ----------
    effect_floor : AUROC above chance that a whole band must clear before a factor counts as there.
    margin : half-width around chance inside which a whole band counts as nothing there.
    least_bits : usable bits per row beyond the text that a whole band must exceed, where text is given.
    min_groups : independent groups needed in each of the two cells where the factors disagree.
    level : confidence of each limit of a band, for all sites at once.
    n_folds, n_draws, seed : of cross-fitting and bootstrap.
    n_imputations : labellings drawn where labels are known to err.
    near_copies : share of rows with a near copy in another group above which such groups are put together.

    Raises
    ------
    ValueError : a field out of range, or no number; names it and what would be accepted.
    """

    effect_floor: float = 0.10
    margin: float = 0.15
    least_bits: float = 0.01
    min_groups: int = 30
    level: float = 0.95
    n_folds: int = 5
    n_draws: int = 1000
    seed: int = 0
    n_imputations: int = 10
    near_copies: float = 0.10

    def __post_init__(self) -> None:
        for name, (least, most, words) in _RANGES.items():
            value = getattr(self, name)
            if not _is_real(value) or not least <= value <= most:
                raise ValueError(f"{name} must be {words}, got {value!r}.")
        for name, least in _LEAST_COUNTS.items():
            value = getattr(self, name)
            if not _is_real(value) or value != int(value) or isinstance(value, float) or value < least:
                raise ValueError(f"{name} must be a whole number of {least} or more, got {value!r}.")

    def above(self, estimate: Estimate) -> bool:
        """Return whether the whole band lies above chance by more than the floor."""
        return estimate.low > CHANCE + self.effect_floor

    def inside(self, estimate: Estimate) -> bool:
        """Return whether the whole band lies within the margin around chance."""
        return estimate.low > CHANCE - self.margin and estimate.high < CHANCE + self.margin

    def beyond_text(self, evidence: Evidence, factor: str) -> bool:
        """Return whether ``first`` or ``second`` is read beyond the text, or no text was given."""
        bits: Estimate = getattr(evidence, f"bits_{factor}")
        return bool(np.isnan(bits.value) or bits.low > self.least_bits)


def _is_real(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(np.isfinite(float(value)))


class _Row(NamedTuple):
    verdict: Verdict
    holds: Callable[[Rule, Evidence], bool]
    seen: str
    needs_bits: tuple[str, ...]


_TABLE = (
    _Row(
        "neither",
        lambda rule, e: rule.inside(e.a) and rule.inside(e.b),
        "neither factor is read once the other is held fixed",
        (),
    ),
    _Row(
        "first-only",
        lambda rule, e: rule.above(e.a) and rule.inside(e.b),
        "the first factor is read, the second is not once the first is held fixed",
        ("first",),
    ),
    _Row(
        "second-only",
        lambda rule, e: rule.inside(e.a) and rule.above(e.b),
        "the second factor is read, the first is not once the second is held fixed",
        ("second",),
    ),
    _Row(
        "shared",
        lambda rule, e: (
            rule.above(e.a) and rule.above(e.b) and rule.inside(e.o_first) and rule.inside(e.o_second)
        ),
        "both are read, and where they disagree neither probe follows its own factor",
        ("first", "second"),
    ),
    _Row(
        "separable",
        lambda rule, e: all(rule.above(x) for x in (e.a, e.b, e.o_first, e.o_second)),
        "both are read, and where they disagree each probe follows its own factor",
        ("first", "second"),
    ),
)


def decide(evidence: Evidence, rule: Rule) -> tuple[Verdict, str]:
    """Return the verdict and its reason in words: the first row of the table that holds, else undetermined.

    A verdict that a factor is there needs usable bits beyond the text, where the text was given.
    """
    for row in _TABLE:
        if row.holds(rule, evidence):
            blocked = [factor for factor in row.needs_bits if not rule.beyond_text(evidence, factor)]
            if blocked:
                return "undetermined", _not_beyond_text(evidence, blocked)
            return row.verdict, row.seen
    return "undetermined", _why(evidence, rule)


def _not_beyond_text(evidence: Evidence, factors: list[str]) -> str:
    told = []
    for factor in factors:
        bits: Estimate = getattr(evidence, f"bits_{factor}")
        told.append(f"{factor} {bits.value:.3f} [{bits.low:.3f}, {bits.high:.3f}]")
    return f"the activations add no usable bits, or hardly any, to the text ({', '.join(told)})"


def _why(evidence: Evidence, rule: Rule) -> str:
    """Return which band leaves the question open."""
    for name, factor in (("a", "first"), ("b", "second")):
        estimate: Estimate = getattr(evidence, name)
        if np.isnan(estimate.value):
            return f"no rows to compare the {factor} factor in with the other held fixed"
        if not rule.above(estimate) and not rule.inside(estimate):
            return (
                f"the {factor} factor may or may not be there with the other held fixed ({_told(estimate)})"
            )
    first, second = evidence.o_first, evidence.o_second
    if first.high < CHANCE or second.high < CHANCE:
        follows = "second" if first.high < CHANCE else "first"
        return (
            f"where the factors disagree both probes read mostly the {follows} one "
            f"({_told(first)} and {_told(second)})"
        )
    return f"too few rows where the factors disagree ({_told(first)} and {_told(second)} there)"


def _told(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
