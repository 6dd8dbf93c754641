"""What would settle an undetermined verdict: how many more groups, and of which kind."""

from collections.abc import Mapping

import numpy as np

from unsinter.features.worlds.knobs import CELLS
from unsinter.studies.data.estimate import Estimate
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.inputs.pair import FactorWords
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.verdict.site_verdict import Evidence

_MOST = 20.0
"""Times as many groups beyond which no number is named: the answer may lie on the threshold itself."""

_LIKELY_TWO_AXES, _LIKELY_ONE_AXIS = 0.3, 0.05


def settled_by(
    evidence: Evidence, groups_per_cell: Mapping[str, int], words: FactorWords, rule: Rule
) -> Reason | None:
    """Return how many more groups of the rarest cell would bring the likeliest verdict; None if none would.

    Errors shrink with the square root of the rarest cell, so a band that is to be narrower by a factor
    needs the square of it as many groups (the power model of ``plan`` is the same decision on drawn
    worlds).
    """
    times = _times_needed(evidence, rule)
    if times is None or not 1 < times <= _MOST:
        return None
    rarest = min(CELLS, key=lambda cell: groups_per_cell[cell])
    more = groups_per_cell[rarest] * (times - 1)
    rounded = int(np.ceil(more / 5) * 5)
    return Reason("more-groups", n=rounded, cell=words.cell(rarest))


def _times_needed(evidence: Evidence, rule: Rule) -> float | None:
    """Return how many times as many groups would decide in favour of what the values say; None if nothing
    does."""
    first, second = evidence.distance_first, evidence.distance_second
    there = {name: length.value > rule.present for name, length in (("first", first), ("second", second))}
    if all(there.values()):
        if evidence.angle.value > _LIKELY_TWO_AXES:
            lengths = (evidence.beyond_first, evidence.beyond_second, evidence.mixed, evidence.like)
            times = [_above(length, rule.present) for length in (first, second, *lengths)]
            return _largest([*times, _above(evidence.angle, rule.least_angle)])
        if evidence.angle.value < _LIKELY_ONE_AXIS:
            times = [_above(length, rule.present) for length in (first, second)]
            return _largest([*times, _below(evidence.angle, rule.most_angle)])
        return None
    parts = [
        _above(length, rule.present) if there[name] else _below(length, rule.absent)
        for name, length in (("first", first), ("second", second))
    ]
    return _largest(parts)


def _largest(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return max(known) if len(known) == len(parts) else None


def _above(estimate: Estimate, threshold: float) -> float | None:
    if not estimate.value > threshold:
        return None
    return float(((estimate.value - estimate.low) / (estimate.value - threshold)) ** 2)


def _below(estimate: Estimate, threshold: float) -> float | None:
    if not estimate.value < threshold:
        return None
    return float(((estimate.high - estimate.value) / (threshold - estimate.value)) ** 2)
