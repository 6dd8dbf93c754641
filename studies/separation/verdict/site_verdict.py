"""What is said of one pair at one site, and the numbers behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan

from unsinter.cache.notebook_html import fact_table
from unsinter.features.worlds.kinds import Verdict
from unsinter.studies.data.estimate import NAN, UNKNOWN, Estimate
from unsinter.studies.data.sites import Site
from unsinter.studies.reasons.reason import Reason

ARRAYS: Site = (0, "given")
"""The site of arrays whose layer and position nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The statistics that stand behind a verdict.

    Attributes
    ----------
    distance_first : squared Mahalanobis length of the first factor's effect, the second held fixed;
        ``distance_second`` likewise. AUROC a stands for 2 probit(a)^2.
    angle : squared sine between both effects: 0 on one axis, 1 at right angles.
    beyond_first : squared length of the first's effect off the axis of the second; ``beyond_second``
        likewise.
    along_first : the first's effect along the axis of the second, in standard deviations; ``along_second``
        likewise.
    mixed : squared distance between the cells where one label is 1; ``like`` between those of equal labels.
    interaction : squared length of what the cells hold beside the sum of both effects.
    clumps : excess variance of the middle cells of one axis, as a share of what wrong labels would make it.
    bound_first : AUROC from which a planted code of the first was noticed in 95 % of spikes;
        ``bound_second`` likewise. Known where an absence was claimed, as are the next four.
    nonlinear_first : AUROC of a non-linear probe of the first, the second held fixed;
        ``nonlinear_second`` likewise.
    hidden_first : deviations of shuffled labels by which likeness of rows follows the first beyond all means;
        ``hidden_second`` likewise; 0 where it does not.
    a : AUROC of the first factor with the second held fixed; ``b`` of the second with the first held fixed.
    o_first : AUROC of the first factor by its own probe on two of the cells, those with unequal labels or
        those with equal ones, whichever are harder to tell apart: near 1 the probe follows its factor, near
        1/2 both are one quantity. ``o_second`` likewise.
    bits_first : usable bits per row beyond the text and the other factor; ``bits_second`` likewise.
    transfer_second : AUROC of the first factor by a probe trained at one value of the second and tested at
        the other; the lower of the two ways.
    """

    distance_first: Estimate = UNKNOWN
    distance_second: Estimate = UNKNOWN
    angle: Estimate = UNKNOWN
    beyond_first: Estimate = UNKNOWN
    beyond_second: Estimate = UNKNOWN
    along_first: Estimate = UNKNOWN
    along_second: Estimate = UNKNOWN
    mixed: Estimate = UNKNOWN
    like: Estimate = UNKNOWN
    interaction: Estimate = UNKNOWN
    clumps: Estimate = UNKNOWN
    bound_first: Estimate = UNKNOWN
    bound_second: Estimate = UNKNOWN
    nonlinear_first: Estimate = UNKNOWN
    nonlinear_second: Estimate = UNKNOWN
    hidden_first: Estimate = UNKNOWN
    hidden_second: Estimate = UNKNOWN
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
    reason : why nothing can be said, or what was seen: its words as text, with the code and the numbers that
        they are made of.
    settles : what would settle an undetermined verdict; empty where nothing is known to.
    groups_per_cell : independent groups in each cell, by the names in ``CELLS``.
    is_stratified : rows were compared within one stratum only.
    """

    pair: str
    layer: int
    position: str
    verdict: Verdict
    reason: Reason
    evidence: Evidence
    settles: str = ""
    groups_per_cell: Mapping[str, int] = field(default_factory=dict)
    phi: float = NAN
    is_stratified: bool = False

    def _repr_html_(self) -> str:
        from unsinter.studies.figures.verdict_text import LOOKS

        look, cells = LOOKS[self.verdict], self.groups_per_cell
        facts = {
            "means": look.meaning,
            "reason": self.reason,
            "what would settle it": self.settles,
            "first factor, the second held fixed": _auroc_text(self.evidence.a),
            "second factor, the first held fixed": _auroc_text(self.evidence.b),
            "squared sine between both": _banded(self.evidence.angle),
            "groups": ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in cells.items()),
        }
        where = "" if (self.layer, self.position) == ARRAYS else f"; layer {self.layer}, {self.position}"
        heading = f"{look.mark} {self.pair}: {self.verdict}{where}"
        return fact_table(heading, facts, colour=look.colour)


def _auroc_text(estimate: Estimate) -> str:
    return f"AUROC {text}" if (text := _banded(estimate)) else ""


def _banded(estimate: Estimate) -> str:
    value, low, high = estimate
    return "" if isnan(value) else f"{value:.3f} [{low:.3f}, {high:.3f}]"
