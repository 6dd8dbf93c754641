"""Do the cells in the middle of one axis lie there, or are they made of rows from both ends?"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.estimate import UNKNOWN, Estimate

_BOTH, _FIRST, _SECOND, _NEITHER = range(4)


def clumps(
    axis: FloatArray,
    cells: NDArray[np.intp],
    groups: NDArray[np.generic],
    *,
    same_way: bool,
    level: float,
) -> Estimate:
    """Return the excess variance of the middle cells over what a mixture of both ends would have: 0 or 1.

    Two factors that move one quantity put the rows where they work against each other in its middle. If only
    one of them is coded and its label errs, these same rows are wrongly labelled ones: some lie at one end,
    some at the other, and their mean alone looks like a middle. Their variance tells: a mixture of two ends
    at distance L, a share s of it at the far one, has s (1 - s) L^2 more of it than the ends have, wherever
    the pure ends lie. The limits are those of a jackknife over groups.

    Parameters
    ----------
    axis : (n,) held-out place of each row along the common axis.
    same_way : both factors move rows towards the same end, so that the ends are the cells of equal labels.
    """
    ends, middle = (
        ((_NEITHER, _BOTH), (_FIRST, _SECOND)) if same_way else ((_FIRST, _SECOND), (_BOTH, _NEITHER))
    )
    _, group = np.unique(groups, return_inverse=True)
    sums = np.zeros((int(group.max()) + 1, 4, 3))
    np.add.at(sums, (group, cells), np.stack([np.ones_like(axis), axis, axis**2], axis=1))
    total = sums.sum(axis=0)
    value = _ratio(total, ends, middle)
    without = _ratio(total - sums, ends, middle)
    n = len(without)
    if not np.isfinite(value) or not np.isfinite(without).all():
        return UNKNOWN
    moved = (without - without.mean()) ** 2
    error = np.sqrt(moved.sum() * (n - 1) / n)
    effective = max(moved.sum() ** 2 / max((moved**2).sum(), 1e-300) - 1, 1.0)
    width = float(t.ppf(level, effective) * error)
    return Estimate(float(value), float(value) - width, float(value) + width)


def _ratio(sums: FloatArray, ends: tuple[int, int], middle: tuple[int, int]) -> FloatArray:
    """Return excess over expected excess (...,) of sums (..., 4, 3): rows, places and squares of each
    cell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        n = sums[..., 0]
        mean = sums[..., 1] / n
        variance = (sums[..., 2] / n - mean**2) * n / (n - 1)
        low, high = ends
        length = mean[..., high] - mean[..., low]
        excess = expected = np.zeros_like(length)
        for cell in middle:
            share = (mean[..., cell] - mean[..., low]) / length
            between = (1 - share) * variance[..., low] + share * variance[..., high]
            excess = excess + n[..., cell] * (variance[..., cell] - between)
            expected = expected + n[..., cell] * share * (1 - share) * length**2
        return np.asarray(np.where(expected > 0, excess / expected, np.nan))
