"""Columns in units and from an origin that float32 holds; a verdict depends on neither."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.probes.scaling import power_units

_ROUNDING = 8.0
"""Units of rounding, of a column's largest value, that its range must exceed: a constant that went through
arithmetic in batches of several sizes differs by this much from row to row."""

_FAR = 256.0
"""Ranges from zero beyond which rounding to float32 would eat what a column says."""


def in_float32_range(X: FloatArray) -> FloatArray:
    """Return X (n, d), finite, as float32: columns far from zero are centred, extreme ones divided.

    Other columns stay what they are to the last bit; so does X where all are. Division is by a power of two.
    A column that does not vary beyond rounding becomes zero: nothing that is read from it is of the row.
    """
    X = np.asarray(X)
    X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
    if not X.size:
        return X.astype(np.float32)
    high, low = X.max(axis=0).astype(np.float64), X.min(axis=0).astype(np.float64)
    unit = power_units(np.maximum(np.abs(high), np.abs(low)))
    high, low = high / unit, low / unit  # now their difference cannot leave float64 either
    is_constant = ~varies(high, low, X.dtype)
    middle = (high + low) / 2
    origin = np.where(np.abs(middle) > _FAR * (high - low), middle, 0.0)
    if not origin.any() and (unit == 1).all() and not is_constant.any():
        return X.astype(np.float32, copy=False)
    centred = X / unit - origin
    centred[:, is_constant] = 0.0
    return np.asarray(centred / power_units(np.abs(centred).max(axis=0)), dtype=np.float32)


def varies(high: FloatArray, low: FloatArray, dtype: np.dtype[Any]) -> NDArray[np.bool_]:
    """Return which columns (d,) of these extreme values differ between rows beyond what ``dtype`` rounds."""
    largest = np.maximum(np.abs(high), np.abs(low))
    return np.asarray(high - low > _ROUNDING * np.finfo(dtype).eps * largest)
