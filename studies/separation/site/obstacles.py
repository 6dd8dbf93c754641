"""Why a pair can have no verdict at all, found from its labels before any activation is read."""

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.knobs import CELLS
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.contrasts.contrast import make_contrast
from unsinter.studies.separation.inputs.held_fixed import rare_levels_tell
from unsinter.studies.separation.inputs.pair import Pair
from unsinter.studies.separation.inputs.thresholds import Rule

_LEAST_PER_FOLD = 2
"""Groups that each cell must hold per fold, so that every part has both sides of every difference."""

_LEAST_LEFT = 0.02
"""Share of a factor's variance that the other one and all that is held fixed must leave."""


def find_obstacle(pair: Pair, rule: Rule, groups: NDArray[np.generic] | None = None) -> Reason | None:
    """Return why this pair can have no verdict; None where it can.

    ``groups`` are independent units of the pair's rows other than its own, near copies put together.
    """
    rows = pair.rows
    for name, factor in ((pair.words.first, pair.z[rows]), (pair.words.second, pair.w[rows])):
        if len(np.unique(factor)) < 2:
            if not len(rows):
                return Reason("labels-unknown")
            return Reason("constant-factor", factor=name, value=factor[0])
    counts = pair.groups_per_cell(groups)
    needed = max(rule.min_groups, _LEAST_PER_FOLD * rule.n_folds)
    short = {cell: counts[cell] for cell in CELLS if counts[cell] < needed}
    if short:
        cell = min(short, key=lambda name: short[name])
        return Reason("too-few-groups", n=short[cell], cell=pair.words.cell(cell), needed=needed)
    return _fixed_factor(pair)


def _fixed_factor(pair: Pair) -> Reason | None:
    """Return which factor is told by what is held fixed, so that none of it is left to read."""
    contrast = make_contrast(pair)
    left = contrast.effect_design.shares_left()
    factors = ((pair.words.first, contrast.z, left[0]), (pair.words.second, contrast.w, left[1]))
    for name, factor, share in factors:
        if share < _LEAST_LEFT:
            by = contrast.fixed_by(factor, _LEAST_LEFT)
            return Reason("fixed-factor", factor=name, by=by) if by else Reason("fixed-together", factor=name)
    for name, factor, _ in factors:
        if by := [what for what, value in contrast.named.items() if rare_levels_tell(value, factor)]:
            return Reason("small-levels", factor=name, by=by)
    return None
