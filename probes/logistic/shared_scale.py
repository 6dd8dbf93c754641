"""One scale for fits on nearly the same rows, and a bound on what it costs each of them.

A fit's penalty is in units of its own training rows' deviations s_j. With units S_j shared by all fits, their
rows have one Gram matrix. The gradient of a fit's own objective at the shared solution u (in shared units) is
penalty (s_j^2 - S_j^2) per squared raw weight, so that by strong convexity it is at most

    penalty / 2 x sum over columns of e_j u_j^2,   e_j = d_j^2 / (1 + d_j),   d_j = s_j^2 / S_j^2 - 1

above its own least.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, as_tensor

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.probes.logistic.fits import Fits
from unsinter.probes.logistic.penalty_path import Stop
from unsinter.probes.logistic.vectors import product

_LIKELY = 0.2
"""Share of the mean of e_j that the excess was in most fits measured: tells a hopeless try beforehand."""

_SINGLED_OUT = 4
"""One column in so many is counted by its own weight; the rest by the largest e_j among them."""

SHARE = 0.5
"""Share of the tolerance that the shared scale may cost a fit by its weights, where the quick bound is above
all of the tolerance; beyond it the fit is solved in its own."""


def shared_deviation(deviation: FloatArray) -> FloatArray:
    """Return S (d,): S^2 is the mean over fits of s^2, s (T, d); infinite where a column never varies."""
    square = np.where(np.isfinite(deviation), deviation, 0.0) ** 2
    mean = square.mean(axis=0)
    return np.where(mean > 0, np.sqrt(mean), np.inf)


def costs(deviation: FloatArray, shared: FloatArray) -> FloatArray:
    """Return e (T, d): infinite where a column is constant in a fit only, zero where it is in all."""
    own = np.where(np.isfinite(deviation), deviation, 0.0) ** 2
    unit = np.where(np.isfinite(shared), shared, 1.0) ** 2
    change = np.where(np.isfinite(shared), own / unit - 1, 0.0)
    room = 1 + change
    return np.where(room > 0, change**2 / np.where(room > 0, room, 1.0), np.inf)


def is_hopeless(cost: FloatArray, *, tolerance: float) -> BoolArray:
    """Return whether a shared scale will likely cost a fit too much (T,), from e (T, d)."""
    hopeless: BoolArray = _LIKELY * cost.mean(axis=1) > SHARE * tolerance
    return hopeless


def quick_excess(fits: Fits, cost: FloatArray, values: Tensor, stops: Sequence[Stop]) -> FloatArray:
    """Return the bound (T, P) in nats for fits solved in the row space of ``values`` (n, d).

    No fit's weights are made: the columns of largest e_j are weighed one by one, and all others, whose
    squared weights are known in sum, by the largest e_j among them.
    """
    bounds = np.empty((len(fits.tasks), len(stops)))
    starts = np.r_[0, np.cumsum(fits.n_columns)[:-1]]
    order = np.argsort(cost.max(axis=0))
    few = cost.shape[1] - cost.shape[1] // _SINGLED_OUT
    rest = cost[:, order[:few]].max(axis=1)
    part = values[:, as_tensor(order[few:].copy(), device=values.device)]
    for column, stop in enumerate(stops):
        square = product(stop.coordinates, part).square_().double().cpu().numpy()
        known = np.add.reduceat(square, starts, axis=0)
        others = np.maximum(stop.square.cpu().numpy() - known.sum(axis=1), 0)
        bounds[:, column] = stop.penalty / 2 * ((known * cost[:, order[few:]]).sum(axis=1) + rest * others)
    return bounds
