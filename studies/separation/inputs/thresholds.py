"""The thresholds of the verdict, and what they mean as squared lengths of an effect."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from unsinter.studies.study.group_minimums import MIN_CELL_GROUPS
from unsinter.studies.study.verdict_defaults import (
    CHANCE,
    EFFECT_FLOOR,
    LEAST_BITS,
    LEVEL,
    MARGIN,
    N_DRAWS,
    N_FOLDS,
    N_SPLITS,
    NOTICED,
)

_EDGE, _TINY = 1e-12, np.finfo(float).tiny
_RANGES = {
    "effect_floor": (0.0, CHANCE - _EDGE, "a number from 0 to below .5"),
    "margin": (_TINY, CHANCE - _EDGE, "a number above 0 and below .5"),
    "least_angle": (0.0, 1.0, "a number from 0 to 1"),
    "most_angle": (0.0, 1.0, "a number from 0 to 1"),
    "noticed": (CHANCE, 1.0, "a number from .5 to 1"),
    "small_phi": (0.0, 1.0, "a number from 0 to 1"),
    "least_bits": (0.0, np.finfo(float).max, "a finite number of 0 or more"),
    "level": (CHANCE + _EDGE, 1 - _EDGE, "a number above .5 and below 1"),
    "near_copies": (0.0, 1.0, "a share from 0 to 1"),
}
_LEAST_COUNTS = {"min_groups": 2, "n_folds": 2, "n_splits": 1, "n_draws": 100, "seed": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Thresholds of the verdict; the defaults are those whose error rates are published.

    Attributes
    ----------
    effect_floor : AUROC above chance that a whole band must clear before a factor counts as there.
    margin : AUROC above chance that a whole band must stay below, and hold chance itself, before a factor
        counts as not there.
    least_angle, most_angle : squared sine between both effects that the whole band must exceed for two axes,
        or stay below for one.
    noticed : AUROC of a planted code that must have been noticed before a factor counts as not there.
    small_phi : correlation of the labels up to which errors in one label cannot pass for the other factor.
    least_bits : usable bits per row beyond the text that a whole band must exceed, where text is given.
    min_groups : independent groups needed in each of the four cells; what a verdict needs beyond that follows
        from its bands.
    level : confidence of each limit of a band, for all sites at once.
    n_folds, n_splits, n_draws, seed : of cross-fitting, of how many partitions into folds are averaged, and
        of the bootstrap.
    near_copies : share of rows with a near copy in another group above which such groups are put together.

    Raises
    ------
    ValueError : a field out of range, or no number; names it and what would be accepted.
    """

    effect_floor: float = EFFECT_FLOOR
    margin: float = MARGIN
    least_angle: float = 0.15
    most_angle: float = 0.15
    noticed: float = NOTICED
    small_phi: float = 0.20
    least_bits: float = LEAST_BITS
    min_groups: int = MIN_CELL_GROUPS
    level: float = LEVEL
    n_folds: int = N_FOLDS
    n_splits: int = N_SPLITS
    n_draws: int = N_DRAWS
    seed: int = 0
    near_copies: float = 0.02

    def __post_init__(self) -> None:
        for name, (least, most, words) in _RANGES.items():
            value = getattr(self, name)
            if not _is_real(value) or not least <= value <= most:
                raise ValueError(f"{name} must be {words}, got {value!r}.")
        for name, least in _LEAST_COUNTS.items():
            value = getattr(self, name)
            if not _is_real(value) or value != int(value) or isinstance(value, float) or value < least:
                raise ValueError(f"{name} must be a whole number of {least} or more, got {value!r}.")
        if self.least_angle < self.most_angle:
            raise ValueError(
                f"least_angle must not be below most_angle, got {self.least_angle!r} and {self.most_angle!r}."
            )

    @property
    def present(self) -> float:
        """The squared length of an effect at the floor."""
        return squared_length(CHANCE + self.effect_floor)

    @property
    def absent(self) -> float:
        """The squared length of an effect at the margin."""
        return squared_length(CHANCE + self.margin)


def squared_length(auroc: float) -> float:
    """Return the squared Mahalanobis distance of two classes that the best linear reader tells apart so
    well."""
    return float(2 * norm.ppf(auroc) ** 2)


def _is_real(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(np.isfinite(float(value)))
