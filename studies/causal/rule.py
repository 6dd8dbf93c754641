"""When a change of log-odds says that a model uses a direction, or does not."""

from dataclasses import dataclass

from unsinter.studies.data.estimate import Estimate
from unsinter.studies.reasons.reason import Reason

YES, NO, OPEN = "yes", "no", "open"

FEWEST_GROUPS = 10
"""Held-out groups below which an interval over groups is none."""

LEAST_COVERED = 0.5
"""Probability of all openings together, under a change, below which the model begins otherwise altogether."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalFinding:
    """What is known of one direction and outcome.

    Attributes
    ----------
    effect : mean change of log-odds, nats; its interval holds for all directions at once.
    nulls : the largest change under random and permuted directions at the site, as a size.
    other, apart : the change under the other factor's direction, and under the part of this direction at
        right angles to it; None where there is no other factor.
    margin : change that counts as none.
    covered : probability of all openings together under the change.
    """

    effect: Estimate
    nulls: float
    margin: float
    covered: float
    n_groups: int
    other: float | None = None
    apart: float | None = None


def decide(finding: CausalFinding) -> tuple[str, Reason]:
    """Return yes, no or open, with the reason.

    Yes: the interval excludes zero, the change is larger than that of every random and permuted direction,
    and the other factor's direction does not explain it: it changes less itself, or the part of this
    direction at right angles to it still changes more than every null, the same way. No: the whole interval
    lies within the margin. A change that is both, or neither, is open.
    """
    effect, margin = finding.effect, finding.margin
    if finding.n_groups < FEWEST_GROUPS:
        return OPEN, Reason("few-held-out-groups", n=finding.n_groups, needed=FEWEST_GROUPS)
    if finding.covered < LEAST_COVERED:
        return OPEN, Reason("other-openings", covered=finding.covered)
    is_bounded = -margin < effect.low and effect.high < margin
    is_moved = effect.low > 0 or effect.high < 0
    is_beyond = abs(effect.value) > finding.nulls
    if is_bounded and is_moved and is_beyond:
        return OPEN, Reason("beyond-nulls-within-margin", margin=margin)
    if is_bounded:
        return NO, Reason("within-margin", margin=margin)
    if not is_moved:
        return OPEN, Reason("zero-and-beyond-margin", margin=margin)
    if not is_beyond:
        return OPEN, Reason("null-as-large", nulls=finding.nulls)
    if not _is_its_own(finding):
        return OPEN, Reason("other-factor-explains")
    return YES, Reason("beyond-every-null", nulls=finding.nulls)


def _is_its_own(finding: CausalFinding) -> bool:
    value = finding.effect.value
    if finding.other is None or abs(finding.other) < abs(value):
        return True
    return finding.apart is not None and abs(finding.apart) > finding.nulls and finding.apart * value > 0
