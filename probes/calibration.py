"""From scores to probabilities, and how far those probabilities can be trusted; with numpy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.row_values import class_indices, refuse_not_finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What turns scores into probabilities, fitted on inner folds of the training rows.

    Two classes: ``sigmoid(slope * score + intercept)``. More: ``softmax(slope * scores)``, intercept 0.

    Attributes
    ----------
    slope : factor on the scores, zero or more: a calibration never reverses a probe. Of many classes it is
        the inverse temperature.
    intercept : added after it, nats; 0 for many classes.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines; Guo et al. (2017), arXiv:1706.04599.
    """

    slope: float
    intercept: float = 0.0

    def probabilities(self, scores: FloatArray) -> FloatArray:
        """Return P(class 1) (n,) for scores (n,), or P(class) (n, n_classes) for scores (n, n_classes).

        A class scored minus infinity has probability 0.
        """
        scores = np.asarray(scores, dtype=float)
        if scores.ndim == 1:
            return np.exp(-np.logaddexp(0.0, -(self.slope * scores + self.intercept)))
        logits = scaled(scores, self.slope)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def brier(probabilities: FloatArray, codes: LabelArray) -> float:
    """Return the mean squared error of probabilities (Brier 1950); 0 is best.

    Two classes, probabilities (n,) of class 1: from 0 to 1. Many classes, (n, n_classes): summed over
    classes, from 0 to 2. Both as scikit-learn's ``brier_score_loss``.

    Raises
    ------
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

    Raises
    ------
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


def scaled(scores: FloatArray, slope: float) -> FloatArray:
    """Multiply, but leave minus infinity what it is: at slope 0 it would be no number."""
    return np.where(np.isfinite(scores), slope * np.where(np.isfinite(scores), scores, 0.0), -np.inf)
