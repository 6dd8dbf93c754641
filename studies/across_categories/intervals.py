"""Intervals and bands from the draws of a statistic."""

from collections.abc import Mapping

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.metrics import percentile_interval
from unsinter.studies.data.estimate import UNKNOWN, Estimate, from_draws_together


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
    corrected = np.clip(2 * values[0] - np.array([middle, high, low]), *bounds)
    return Estimate(*map(float, corrected))


def simultaneous(values: Mapping[str, FloatArray], *, level: float) -> dict[str, Estimate]:
    """Return bands of AUROCs that hold for all of them at once; each (1 + n_draws,), the value first."""
    bands = from_draws_together(list(values.values()), level=level)
    return {
        name: Estimate(band.value, max(0.0, band.low), min(1.0, band.high))
        for name, band in zip(values, bands, strict=True)
    }


def shown(estimate: Estimate) -> str:
    """Return an estimate as ``0.51 [0.46, 0.57]``."""
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
