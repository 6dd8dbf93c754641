"""Calibrations fitted on out-of-fold scores."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax

from unsinter.cache.errors import UnsinterError
from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.calibration import Calibration, scaled
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.row_values import class_indices

_LARGEST_LOG_SLOPE = 12.0
"""Bound of the search for an inverse temperature: probabilities there are 0 and 1 to double precision."""


class CalibrationError(UnsinterError, ValueError):
    """These scores cannot be calibrated."""


def fit_calibration(scores: FloatArray, codes: LabelArray) -> Calibration:
    """Fit a calibration on scores that their own labels did not train.

    Two classes: Platt's sigmoid with his smoothed targets (Platt 1999), slope held at zero or more. Many
    classes: one temperature (Guo et al. 2017, 1706.04599) with the same smoothing of each class against the
    rest, (n + 1) / (n + 2), which keeps perfectly sorted scores from asking for an infinite slope.

    Parameters
    ----------
    scores : (n,) or (n, n_classes) out-of-fold scores of training rows, nats. Minus infinity marks a class
        that the fold's training rows lacked; a row of such a class is left out, as no slope could explain it.
    codes : (n,) class codes from 0.

    Raises
    ------
    CalibrationError : one class only, NaN or inf (minus infinity of many classes aside), codes out of range,
        or scores and codes that do not match.
    """
    scores, codes = _scored(scores, codes)
    if scores.ndim == 2:
        known = np.isfinite(scores[np.arange(len(codes)), codes])
        scores, codes = scores[known], codes[known]
    if len(np.unique(codes)) < 2:
        raise CalibrationError("a calibration needs scored rows of two classes; give more rows.")
    return _platt(scores, codes) if scores.ndim == 1 else _temperature(scores, codes)


def _scored(scores: FloatArray, codes: LabelArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return scores (n,) or (n, n_classes) float64 and their codes (n,)."""
    try:
        scores = np.asarray(plain_array(scores, name="scores"), dtype=float)
        n_classes = scores.shape[1] if scores.ndim == 2 else 2
        codes = class_indices(codes, n_classes=n_classes)
    except (TypeError, ValueError) as error:
        raise CalibrationError(str(error)) from error
    bad = np.isnan(scores) | (scores == np.inf) | ((scores == -np.inf) & (scores.ndim == 1))
    if len(scores) != len(codes) or scores.ndim not in (1, 2) or bad.any():
        raise CalibrationError(
            f"scores {scores.shape} must be numbers, one row per label, got {len(codes)} labels and "
            f"{int(bad.sum())} scores that are NaN or inf; leave those rows out."
        )
    return scores, codes


def _platt(scores: FloatArray, codes: LabelArray) -> Calibration:
    n_positive = int(codes.sum())
    n_negative = len(codes) - n_positive
    wanted = np.where(codes == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    unit = float(np.std(scores)) or 1.0  # so that one step size suits scores of any scale
    columns = np.column_stack([scores / unit, np.ones(len(scores))])

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        z = columns @ parameters
        return float(np.mean(np.logaddexp(0, z) - wanted * z)), columns.T @ (expit(z) - wanted) / len(z)

    start = np.array([0.0, np.log((n_positive + 1) / (n_negative + 1))])
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
    optimum = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)], options=options
    )
    return Calibration(slope=float(optimum.x[0] / unit), intercept=float(optimum.x[1]))


def _temperature(scores: FloatArray, codes: LabelArray) -> Calibration:
    known = np.isfinite(scores)
    own = np.bincount(codes, minlength=scores.shape[1])[codes][:, None]
    # Platt's targets: n + 1 of n + 2 for the class, one of n + 2 for the others together.
    others = np.maximum(known.sum(axis=1, keepdims=True) - 1, 1)
    wanted = np.where(known, 1 / ((own + 2) * others), 0.0)
    wanted[np.arange(len(codes)), codes] = ((own + 1) / (own + 2))[:, 0]
    wanted /= wanted.sum(axis=1, keepdims=True)

    def loss(log_slope: float) -> float:
        logs = log_softmax(scaled(scores, float(np.exp(log_slope))), axis=1)
        return -float(np.sum(wanted[known] * logs[known])) / len(codes)

    unit = -np.log(float(np.std(scores[known])) or 1.0)
    optimum = minimize_scalar(
        loss,
        bounds=(unit - _LARGEST_LOG_SLOPE, unit + _LARGEST_LOG_SLOPE),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return Calibration(slope=float(np.exp(optimum.x)))
