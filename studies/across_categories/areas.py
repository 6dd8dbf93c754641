"""AUROC with strata held fixed, for many row weightings at once, and intervals from its draws."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.probes.metrics import percentile_interval
from unsinter.studies.data.estimate import NAN, UNKNOWN, Estimate

CHANCE = 0.5


def stratified_area(
    scores: FloatArray, positive: BoolArray, strata: NDArray[np.intp], weights: FloatArray
) -> FloatArray:
    """Return the AUROC over pairs of rows of one stratum, for each weighting (n_weightings,).

    The areas of the strata are averaged with weights n1 n0 / (n1 + n0), the inverse of their variance up to a
    constant. A score that is the same for all rows of each stratum gives exactly one half. NaN where a
    weighting leaves no pair.

    Parameters
    ----------
    scores, positive, strata : (n,).
    weights : (n, n_weightings) non-negative, one column per weighting.
    """
    _, rank = np.unique(scores, return_inverse=True)
    _, stratum = np.unique(strata, return_inverse=True)
    step = int(rank.max()) + 1
    key = stratum * step + rank
    order = np.argsort(key, kind="stable")
    wins, losses = order[positive[order]], order[~positive[order]]
    if not len(wins) or not len(losses):
        return np.full(weights.shape[1], NAN)
    below = np.zeros((len(losses) + 1, weights.shape[1]), dtype=weights.dtype)
    np.cumsum(weights[losses], axis=0, out=below[1:])
    held, starts = np.unique(stratum[wins], return_index=True)
    edges = np.searchsorted(key[losses], np.stack([held, held + 1]) * step)
    first, last = (np.searchsorted(key[losses], key[wins], side) for side in ("left", "right"))
    base = np.repeat(edges[0], np.diff(np.append(starts, len(wins))))
    beaten = (below[first] + below[last]) / 2 - below[base]
    won = np.add.reduceat(beaten * weights[wins], starts, axis=0)
    ups, downs = np.add.reduceat(weights[wins], starts, axis=0), below[edges[1]] - below[edges[0]]
    share = 1 / np.maximum(ups + downs, 1e-9)
    pairs = (ups * downs * share).sum(axis=0, dtype=float)
    return np.divide(
        (won * share).sum(axis=0, dtype=float), pairs, out=np.full(len(pairs), NAN), where=pairs > 0
    )


def estimate(values: FloatArray, *, level: float) -> Estimate:
    """Return the first of values (1 + n_draws,) with the central interval of the rest."""
    return Estimate(float(values[0]), *percentile_interval(values[1:], level=level))


def debiased(values: FloatArray, *, level: float, bounds: tuple[float, float]) -> Estimate:
    """Return the first of values (1 + n_draws,) less its bias as the draws show it, with the basic interval.

    A ratio of noisy lengths is off by as much again in a draw as in the data, so its draws lie around twice
    the error. All three numbers are kept inside ``bounds``.
    """
    if not np.isfinite(values[0]) or not np.isfinite(values[1:]).any():
        return UNKNOWN
    middle, low, high = np.nanquantile(values[1:], [0.5, (1 - level) / 2, (1 + level) / 2])
    found = np.clip(2 * values[0] - np.array([middle, high, low]), *bounds)
    return Estimate(*map(float, found))


def simultaneous(values: Mapping[str, FloatArray], *, level: float) -> dict[str, Estimate]:
    """Return bands that hold for all named statistics at once; each (1 + n_draws,), the value first.

    Half-widths are standard errors times one quantile of the largest standardised deviation of a draw.
    """
    table = np.array(list(values.values()))
    spread = np.maximum(np.nanstd(table[:, 1:], axis=1), 1e-9)
    away = np.abs(table[:, 1:] - table[:, :1]) / spread[:, None]
    critical = float(np.nanquantile(np.nanmax(away, axis=0), level))
    return {
        name: Estimate(float(v), max(0.0, float(v - critical * s)), min(1.0, float(v + critical * s)))
        for name, v, s in zip(values, table[:, 0], spread, strict=True)
    }


def told(estimate: Estimate) -> str:
    """Return an estimate as ``0.51 [0.46, 0.57]``."""
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
