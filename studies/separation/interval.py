"""A number with the interval that a bootstrap over groups gives it."""

from typing import NamedTuple

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.metrics import percentile_interval


class Interval(NamedTuple):
    """A value and its bootstrap interval, of one site alone; NaN where it could not be made."""

    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")


def from_draws(draws: FloatArray, *, level: float = 0.95) -> Interval:
    """Return the interval of draws (1 + n_draws,), of which the first is the value itself."""
    low, high = percentile_interval(np.asarray(draws[1:]), level=level)
    return Interval(float(draws[0]), low, high)
