"""From scores to probabilities, and how far those probabilities can be trusted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, softmax

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.row_values import class_indices, refuse_not_finite

_LARGEST_LOG_SLOPE = 12.0
"""Bound of the search for an inverse temperature: probabilities there are 0 and 1 to double precision."""


class CalibrationError(ValueError):
    """These scores cannot be calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What turns scores into probabilities.

    Attributes
    ----------
    slope : factor on the scores, zero or more: a calibration never reverses a probe. Of many classes it is
        the inverse temperature.
    intercept : added after it, nats; 0 for many classes.
    """

    slope: float
    intercept: float = 0.0

    def probabilities(self, scores: FloatArray) -> FloatArray:
        """Return P(class 1) (n,) for scores (n,), or P(class) (n, n_classes) for scores (n, n_classes).

        A class scored minus infinity has probability 0.
        """
        scores = np.asarray(scores, dtype=float)
        if scores.ndim == 1:
            return expit(self.slope * scores + self.intercept)
        return softmax(_scaled(scores, self.slope), axis=1)


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


def brier(probabilities: FloatArray, codes: LabelArray) -> float:
    """Return the mean squared error of probabilities (Brier 1950); 0 is best.

    Two classes, probabilities (n,) of class 1: from 0 to 1. Many classes, (n, n_classes): summed over
    classes, from 0 to 2. Both as scikit-learn's ``brier_score_loss``.

    ValueError : no probabilities (NaN, below 0 or above 1), codes out of range, or lengths that differ.
    """
    probabilities, codes = _stated(probabilities, codes)
    if probabilities.ndim == 1:
        return float(np.mean((probabilities - codes) ** 2))
    truth = np.eye(probabilities.shape[1])[codes]
    return float(np.mean(((probabilities - truth) ** 2).sum(axis=1)))


def expected_calibration_error(probabilities: FloatArray, codes: LabelArray, *, n_bins: int = 10) -> float:
    """Return the mean distance between stated and observed frequency over bins of equal mass; 0 is best.

    Two classes: of P(class 1). Many classes: of the likeliest class's probability against how often it is
    right (top-label). Rows of equal probability share a bin, so their order cannot matter.

    ValueError : as in ``brier``, or fewer than one bin.
    """
    probabilities, codes = _stated(probabilities, codes)
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins!r}.")
    if probabilities.ndim == 1:
        stated, right = probabilities, codes.astype(float)
    else:
        stated, right = probabilities.max(axis=1), (probabilities.argmax(axis=1) == codes).astype(float)
    edges = np.quantile(stated, np.linspace(0, 1, n_bins + 1)[1:-1])
    bins = np.searchsorted(edges, stated)
    gaps = np.bincount(bins, weights=stated - right, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(stated))


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


def _stated(probabilities: FloatArray, codes: LabelArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return probabilities (n,) or (n, n_classes) float64, from 0 to 1, and their codes (n,)."""
    p = np.asarray(plain_array(probabilities, name="probabilities"), dtype=float)
    if p.ndim not in (1, 2) or not p.size:
        raise ValueError(f"probabilities must be (n,) or (n, n_classes), got shape {p.shape}.")
    refuse_not_finite(p, name="probabilities")
    if p.min() < 0 or p.max() > 1 or (p.ndim == 2 and np.abs(p.sum(axis=1) - 1).max() > 1e-3):
        summed = " and add up to 1 in every row" if p.ndim == 2 else ""
        raise ValueError(
            f"probabilities must lie from 0 to 1{summed}, got {p.min():.3g} to {p.max():.3g}; scores need a "
            "calibration first."
        )
    return p, class_indices(codes, len(p), n_classes=p.shape[1] if p.ndim == 2 else 2)


def _platt(scores: FloatArray, codes: LabelArray) -> Calibration:
    n_positive = int(codes.sum())
    n_negative = len(codes) - n_positive
    wanted = np.where(codes == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    unit = float(np.std(scores)) or 1.0  # so that one step size suits scores of any scale
    columns = np.column_stack([scores / unit, np.ones(len(scores))])

    def loss(found: FloatArray) -> tuple[float, FloatArray]:
        z = columns @ found
        return float(np.mean(np.logaddexp(0, z) - wanted * z)), columns.T @ (expit(z) - wanted) / len(z)

    start = np.array([0.0, np.log((n_positive + 1) / (n_negative + 1))])
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)], options=options
    )
    return Calibration(slope=float(found.x[0] / unit), intercept=float(found.x[1]))


def _temperature(scores: FloatArray, codes: LabelArray) -> Calibration:
    known = np.isfinite(scores)
    own = np.bincount(codes, minlength=scores.shape[1])[codes][:, None]
    # Platt's targets: n + 1 of n + 2 for the class, one of n + 2 for the others together.
    others = np.maximum(known.sum(axis=1, keepdims=True) - 1, 1)
    wanted = np.where(known, 1 / ((own + 2) * others), 0.0)
    wanted[np.arange(len(codes)), codes] = ((own + 1) / (own + 2))[:, 0]
    wanted /= wanted.sum(axis=1, keepdims=True)

    def loss(log_slope: float) -> float:
        logs = log_softmax(_scaled(scores, float(np.exp(log_slope))), axis=1)
        return -float(np.sum(wanted[known] * logs[known])) / len(codes)

    unit = -np.log(float(np.std(scores[known])) or 1.0)
    found = minimize_scalar(
        loss,
        bounds=(unit - _LARGEST_LOG_SLOPE, unit + _LARGEST_LOG_SLOPE),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return Calibration(slope=float(np.exp(found.x)))


def _scaled(scores: FloatArray, slope: float) -> FloatArray:
    """Multiply, but leave minus infinity what it is: at slope 0 it would be no number."""
    return np.where(np.isfinite(scores), slope * np.where(np.isfinite(scores), scores, 0.0), -np.inf)
