"""Intervals that hold for all sites of a pair at once, by a cluster bootstrap over groups."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.contrasts.influence import Statistic
from unsinter.studies.separation.effects.statistics import EffectStatistic


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
    # A row's parts in test and training are drawn apart: added, they would count each pair of rows twice.
    parts = [sum_by_group(part, groups) for part in (statistic.influence, statistic.training)]
    summed = np.concatenate(parts, axis=1)
    variance = _small_sample(parts[0]) * (summed**2).sum(axis=1)
    variance = np.maximum(variance, statistic.least_error**2)
    if extra_variance is not None:
        variance = variance + extra_variance
    return _around(statistic.value, summed, variance, level=level, n_draws=n_draws, seed=seed)


def effect_band(
    statistic: EffectStatistic,
    groups: NDArray[np.generic],
    *,
    level: float,
    n_draws: int,
    seed: int,
) -> tuple[FloatArray, FloatArray]:
    """Return (low, high), each (n_sites,), of a statistic of effects; infinite where it is not defined."""
    defined = np.isfinite(statistic.value)
    summed = np.where(defined[:, None], sum_by_group(statistic.influence, groups), 0.0)
    variance = _small_sample(summed) * (summed**2).sum(axis=1) - statistic.pairs
    variance = np.maximum(variance, statistic.pairs)
    low, high = _around(statistic.value, summed, variance, level=level, n_draws=n_draws, seed=seed)
    return np.where(defined, low, -np.inf), np.where(defined, high, np.inf)


def sum_by_group(influence: FloatArray, groups: NDArray[np.generic]) -> FloatArray:
    """Return influence (n_sites, n) summed over the rows of each group (n_sites, n_groups)."""
    _, group = np.unique(groups, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(int(group.max()) + 1))
    return np.asarray(np.add.reduceat(influence[:, order], starts, axis=1))


def _around(
    value: FloatArray, summed: FloatArray, variance: FloatArray, *, level: float, n_draws: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    critical = _critical_value(summed, level=level, n_draws=n_draws, seed=seed)
    # A few large groups carry the error of unequal ones: their number, not that of all groups, is what
    # counts.
    widened = t.ppf(level, _degrees_of_freedom(summed)) / norm.ppf(level)
    width = critical * widened * np.sqrt(variance)
    return value - width, value + width


def _small_sample(summed: FloatArray) -> float:
    n_groups = summed.shape[1]
    return n_groups / max(n_groups - 1, 1)


def _degrees_of_freedom(summed: FloatArray) -> FloatArray:
    """Return groups that count (n_sites,), less one: fewer where a few of them carry most of the variance."""
    squares = summed**2
    fourth = (squares**2).sum(axis=1)
    effective = np.divide(squares.sum(axis=1) ** 2, fourth, out=np.full(len(squares), 1e6), where=fourth > 0)
    return np.asarray(np.maximum(effective - 1, 1.0))


@lru_cache(maxsize=4)
def _multipliers(n_groups: int, n_draws: int, seed: int) -> NDArray[np.float32]:
    """Return normal multipliers (n_groups, n_draws), the same for every statistic of a family."""
    return np.random.default_rng(seed).standard_normal((n_groups, n_draws), dtype=np.float32)


def _critical_value(summed: FloatArray, *, level: float, n_draws: int, seed: int) -> float:
    """Return the quantile of the largest |T| over sites; ``summed`` is (n_sites, n_groups)."""
    length = np.sqrt((summed**2).sum(axis=1, keepdims=True))
    moving = (summed[length[:, 0] > 0] / length[length[:, 0] > 0]).astype(np.float32)
    if len(moving) < 2:
        return float(norm.ppf(level))
    draws = _multipliers(summed.shape[1], n_draws, seed)
    return float(np.quantile(np.abs(moving @ draws).max(axis=0), 2 * level - 1))
