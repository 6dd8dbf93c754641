"""Thresholds on scores, frozen on training-side scores and then only applied."""

import numpy as np

from unsinter.cache.errors import UnsinterError
from unsinter.probes.arrays import BoolArray, FloatArray, LabelArray
from unsinter.probes.row_values import finite_numbers, positive_rows


class ThresholdError(UnsinterError, ValueError):
    """These scores cannot set a threshold."""


def rates_at(scores: FloatArray, positive: LabelArray, threshold: float) -> tuple[float, float]:
    """Return the true and the false positive rate of *score > threshold*; NaN where that class has no row.

    Raises
    ------
    ThresholdError : NaN or inf among scores, a NaN threshold, labels that are not two-valued.
    """
    scores, positive = _checked(scores, positive)
    if np.isnan(threshold):
        raise ThresholdError("threshold is NaN, which no score is above; set one first.")
    flagged = scores > threshold
    return _share(flagged[positive]), _share(flagged[~positive])


def threshold_at_fpr(scores: FloatArray, positive: LabelArray, *, fpr: float = 0.01) -> float:
    """Return the lowest threshold that at most ``fpr`` of the negatives score above.

    Give it out-of-fold scores of training rows: a threshold set on the rows it is judged on meets its rate
    there by construction and nowhere else. With fewer than 1 / ``fpr`` negatives it lets none pass.

    Parameters
    ----------
    scores, positive : (n_examples,) scores and truth.
    fpr : share of negatives, from 0 to below 1.

    Raises
    ------
    ThresholdError : no negatives, NaN or inf among scores, other labels than two, or ``fpr`` out of range.
    """
    scores, positive = _checked(scores, positive)
    if not 0 <= fpr < 1:
        raise ThresholdError(f"fpr must be from 0 to below 1, got {fpr!r}.")
    negatives = np.sort(scores[~positive])[::-1]
    if not len(negatives):
        raise ThresholdError("no row is negative, so no false positive rate can be set; give negatives.")
    allowed = int(fpr * len(negatives) + 1e-9)  # 0.29 * 100 is a hair below 29
    return float(negatives[allowed])


def balanced_threshold(scores: FloatArray, positive: LabelArray) -> float:
    """Return the threshold of best balanced accuracy of *score > threshold* (Youden 1950).

    It lies half-way between two neighbouring scores; of equally good ones it is the middle one.

    Raises
    ------
    ThresholdError : one class only, or as in ``threshold_at_fpr``.
    """
    scores, positive = _checked(scores, positive)
    if positive.all() or not positive.any():
        raise ThresholdError("a balanced threshold needs rows of both classes, got one class.")
    values, rank = np.unique(scores, return_inverse=True)
    above = 1 - np.cumsum(np.bincount(rank[positive], minlength=len(values))) / positive.sum()
    passed = 1 - np.cumsum(np.bincount(rank[~positive], minlength=len(values))) / (~positive).sum()
    gain = (above - passed)[:-1]  # above the highest score nothing is flagged
    if not len(gain) or gain.max() <= 0:
        return float(values[0] if len(values) == 1 else np.median(scores))
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    cut = best[len(best) // 2]
    return float((values[cut] + values[cut + 1]) / 2)


def _checked(scores: FloatArray, positive: LabelArray) -> tuple[FloatArray, BoolArray]:
    try:
        scores = finite_numbers(scores, name="scores")
        return scores, positive_rows(positive, len(scores))
    except (TypeError, ValueError) as error:
        raise ThresholdError(str(error)) from error


def _share(flagged: LabelArray) -> float:
    return float(flagged.mean()) if flagged.size else float("nan")
