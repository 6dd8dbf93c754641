"""Intervals that hold for all sites of a pair at once, by a cluster bootstrap over groups."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.areas import Statistic


def simultaneous_band(
    statistic: Statistic,
    groups: NDArray[np.generic],
    *,
    level: float,
    n_draws: int,
    seed: int,
    extra_variance: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return (low, high), each (n_sites,): each side holds for all sites at once with this level.

    Whole groups are drawn, through a normal multiplier per group on the sum of its rows' influence. That is
    the cluster bootstrap to first order, and costs one product for all sites and draws: nothing is sorted
    again. The half-width of a band is its standard error times one critical value, the quantile of the
    largest standardised deviation of a draw (max-T). A verdict asks for several limits together, each beyond
    its own threshold: such a rule errs no more often than a single one of them (Berger 1982, and two
    one-sided tests for "nothing there"), so the level is that of a limit and no band is widened further.

    Parameters
    ----------
    groups : (n,) independent units.
    extra_variance : (n_sites,) variance beside the sampling of groups.
    """
    _, group = np.unique(groups, return_inverse=True)
    n_groups = int(group.max()) + 1
    # A row's parts in test and training are drawn apart: added, they would count each pair of rows twice.
    parts = (statistic.influence, statistic.training)
    summed = np.concatenate([_sum_by_group(part, group, n_groups) for part in parts], axis=1)
    variance = (summed**2).sum(axis=1) * n_groups / max(n_groups - 1, 1)
    variance = np.maximum(variance, statistic.least_error**2)
    if extra_variance is not None:
        variance = variance + extra_variance
    width = _critical_value(summed, level=level, n_draws=n_draws, seed=seed) * np.sqrt(variance)
    return statistic.value - width, statistic.value + width


def _critical_value(summed: FloatArray, *, level: float, n_draws: int, seed: int) -> float:
    """Return the quantile of the largest |T| over sites; ``summed`` is (n_sites, n_groups)."""
    length = np.sqrt((summed**2).sum(axis=1, keepdims=True))
    moving = (summed[length[:, 0] > 0] / length[length[:, 0] > 0]).astype(np.float32)
    if len(moving) < 2:
        return float(norm.ppf(level))
    draws = np.random.default_rng(seed).standard_normal((summed.shape[1], n_draws), dtype=np.float32)
    return float(np.quantile(np.abs(moving @ draws).max(axis=0), 2 * level - 1))


def _sum_by_group(influence: FloatArray, group: NDArray[np.intp], n_groups: int) -> FloatArray:
    """Return influence (n_sites, n) summed over the rows of each group (n_sites, n_groups)."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(n_groups))
    return np.add.reduceat(influence[:, order], starts, axis=1)
