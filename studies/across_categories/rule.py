"""Thresholds of the study over categories, and how its numbers are measured."""

from dataclasses import dataclass

from unsinter.studies.data.estimate import Estimate
from unsinter.studies.study.group_minimums import MIN_GROUPS
from unsinter.studies.study.verdict_defaults import (
    CHANCE,
    EFFECT_FLOOR,
    LEVEL,
    MARGIN_OVER_CATEGORIES,
    N_DRAWS,
    N_FOLDS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrossRule:
    """What counts as readable, as not readable, and how both are measured.

    Attributes
    ----------
    effect_floor : AUROC above chance that a whole interval must clear before wording counts as readable.
    margin : half-width around chance inside which a whole interval counts as nothing there.
    min_groups : fewest independent groups of a category on either side, and of the rarer side of a wording
        summed over categories.
    level : of the intervals.
    penalty : L2 penalty of every probe (see ``GridSolver``); one value, so that nothing is chosen.
    n_folds, n_draws, seed : of cross-fitting and bootstrap; the seed draws folds, equal sizes and draws.
    """

    effect_floor: float = EFFECT_FLOOR
    margin: float = MARGIN_OVER_CATEGORIES
    min_groups: int = MIN_GROUPS
    level: float = LEVEL
    penalty: float = 0.1
    n_folds: int = N_FOLDS
    n_draws: int = N_DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.effect_floor < self.margin < 0.5:
            raise ValueError(
                f"effect_floor and margin must rise from 0 to 0.5, got {self.effect_floor} and {self.margin}."
            )
        if self.min_groups < 2 or self.n_folds < 2 or self.n_draws < 100:
            raise ValueError(
                "min_groups and n_folds must be at least 2 and n_draws at least 100, got "
                f"{self.min_groups}, {self.n_folds} and {self.n_draws}."
            )

    def above(self, estimate: Estimate) -> bool:
        """Return whether the whole interval lies above chance by more than the floor."""
        return estimate.low > CHANCE + self.effect_floor

    def inside(self, estimate: Estimate) -> bool:
        """Return whether the whole interval lies within the margin around chance, and not above the floor."""
        near = estimate.low > CHANCE - self.margin and estimate.high < CHANCE + self.margin
        return near and not self.above(estimate)
