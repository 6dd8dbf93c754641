"""Columns in units and from an origin that float32 holds; a verdict depends on neither."""

import numpy as np

from unsinter.probes.arrays import FloatArray

_WIDEST = 2.0**40
"""Columns whose largest entry is beyond this, or below its inverse, have squares that leave float32."""

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
    unit = _units(np.maximum(np.abs(high), np.abs(low)))
    high, low = high / unit, low / unit  # now their difference cannot leave float64 either
    middle = (high + low) / 2
    origin = np.where(np.abs(middle) > _FAR * (high - low), middle, 0.0)
    if not origin.any() and (unit == 1).all():
        return X.astype(np.float32, copy=False)
    centred = X / unit - origin
    return np.asarray(centred / _units(np.abs(centred).max(axis=0)), dtype=np.float32)


def _units(peak: FloatArray) -> FloatArray:
    """Return a power of two per column (d,): 1, or what brings its largest entry ``peak`` near 1."""
    is_extreme = (peak > _WIDEST) | ((peak > 0) & (peak < 1 / _WIDEST))
    return np.where(is_extreme, np.exp2(np.floor(np.log2(np.where(peak > 0, peak, 1.0)))), 1.0)
