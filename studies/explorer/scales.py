"""Ends and marked places of an axis that is drawn."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STEPS = (1, 2, 5, 10)
_MOST_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where an axis begins and ends, and the numbers that are written at it."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


def scale_of(values: NDArray[np.float32], *, room: float = 0.04, n: int = 6) -> Scale:
    """Return a scale that all numbers (any shape) fit on, about ``n`` of which are written; NaN counts for
    none.

    Parameters
    ----------
    room : left free at either end, as a share of what the numbers span.
    """
    known = values[np.isfinite(values)].astype(float)
    if not known.size:
        return Scale(low=-1.0, high=1.0, ticks=tuple(_ticks(-1.0, 1.0, n)))
    low, high = float(known.min()), float(known.max())
    free = (high - low or 1.0) * room
    return Scale(low=low - free, high=high + free, ticks=tuple(_ticks(low - free, high + free, n)))


def _ticks(low: float, high: float, n: int) -> list[tuple[float, str]]:
    rough = (high - low) / n
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((k * power for k in _STEPS if k * power >= rough), rough)
    digits = min(max(0, -math.floor(math.log10(step) + 1e-9)), _MOST_DIGITS)
    places = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [(place * step, _written(place * step, digits)) for place in places]


def _written(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "\u2212") if value else f"{0:.{digits}f}"
