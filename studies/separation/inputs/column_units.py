"""Columns in units and from an origin that float32 holds; a verdict depends on neither."""

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.scaling import power_units

_FAR = 256.0
"""Ranges from zero beyond which rounding to float32 would eat what a column says."""


def in_float32_range(X: FloatArray) -> FloatArray:
    """Return X (n, d), finite, as float32: columns far from zero are centred, extreme ones divided.

    Other columns stay what they are to the last bit; so does X where all are. Division is by a power of two.
    """
    X = np.asarray(X)
    X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
    if not X.size:
        return X.astype(np.float32)
    high, low = X.max(axis=0).astype(np.float64), X.min(axis=0).astype(np.float64)
    unit = power_units(np.maximum(np.abs(high), np.abs(low)))
    high, low = high / unit, low / unit  # now their difference cannot leave float64 either
    middle = (high + low) / 2
    origin = np.where(np.abs(middle) > _FAR * (high - low), middle, 0.0)
    if not origin.any() and (unit == 1).all():
        return X.astype(np.float32, copy=False)
    centred = X / unit - origin
    return np.asarray(centred / power_units(np.abs(centred).max(axis=0)), dtype=np.float32)
