"""A statistic with the interval around it, as every table and report carries it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.metrics import percentile_interval

NAN = float("nan")


_LEAST_SPREAD = 1e-9
"""Standard deviation of a statistic that no draw moves: it has no part in what is the largest deviation."""


class Estimate(NamedTuple):
    """A value and its interval; NaN where it could not be made."""

    value: float = NAN
    low: float = NAN
    high: float = NAN


UNKNOWN = Estimate()


def from_draws(draws: FloatArray, *, level: float = 0.95) -> Estimate:
    """Return the estimate of bootstrap draws (1 + n_draws,), of which the first is the value itself."""
    low, high = percentile_interval(np.asarray(draws[1:]), level=level)
    return Estimate(float(draws[0]), low, high)


def from_draws_together(values: Sequence[FloatArray], *, level: float = 0.95) -> list[Estimate]:
    """Return estimates of which all intervals hold at once; each of ``values`` is (1 + n_draws,).

    Half-widths are the draws' standard deviation times one critical value, the quantile of the largest
    standardised deviation over all statistics of a draw (max-T). A draw in which one is NaN counts for the
    others.
    """
    if not values:
        return []
    table = np.array(values)
    spread = np.maximum(np.nanstd(table[:, 1:], axis=1), _LEAST_SPREAD)
    away = np.nan_to_num(np.abs(table[:, 1:] - table[:, :1]) / spread[:, None])
    critical = float(np.quantile(away.max(axis=0), level))
    return [
        Estimate(float(v), float(v - critical * s), float(v + critical * s))
        for v, s in zip(table[:, 0], spread, strict=True)
    ]
