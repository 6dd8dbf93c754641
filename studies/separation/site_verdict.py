"""What is said of one pair at one site, and the numbers behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from unsinter.studies.estimate import NAN, UNKNOWN, Estimate

Verdict: TypeAlias = Literal[
    "separable", "shared", "first-only", "second-only", "neither", "not-apart", "undetermined"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The statistics that the decision rule reads.

    Attributes
    ----------
    a : AUROC of the first factor with the second held fixed; ``b`` of the second with the first held fixed.
    o_first : AUROC of the first factor on rows where the two disagree, by its own probe: near 1 the probe
        follows its factor, near 1/2 both are one quantity, near 0 it reads the other. ``o_second`` likewise.
    bits_first : usable bits per row beyond the text and the other factor; ``bits_second`` likewise.
    transfer_second : AUROC of the first factor by a probe trained at one value of the second and tested at
        the other; the lower of the two ways.
    """

    a: Estimate = UNKNOWN
    b: Estimate = UNKNOWN
    o_first: Estimate = UNKNOWN
    o_second: Estimate = UNKNOWN
    bits_first: Estimate = UNKNOWN
    bits_second: Estimate = UNKNOWN
    transfer_second: Estimate = UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteVerdict:
    """The verdict on one pair at one site.

    Attributes
    ----------
    reason : in words: why nothing can be said, or what was seen.
    groups_per_cell : independent groups in each cell, by the names in ``CELLS``.
    is_stratified : rows were compared within one stratum only.
    """

    pair: str
    layer: int
    position: str
    verdict: Verdict
    reason: str
    evidence: Evidence
    groups_per_cell: Mapping[str, int] = field(default_factory=dict)
    phi: float = NAN
    is_stratified: bool = False
