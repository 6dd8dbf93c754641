"""A statistic with the interval around it, as every table and report carries it."""

from typing import NamedTuple

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.metrics import percentile_interval

NAN = float("nan")


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
