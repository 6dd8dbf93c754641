"""Scores of held-out predictions, for many row weightings at once, so that a bootstrap costs one pass."""

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.row_values import known_values, weightings
from unsinter.probes.weighted_auroc import auroc

__all__ = [
    "auroc",
    "balanced_accuracy",
    "group_draws",
    "macro_f1",
    "observed_and_drawn",
    "percentile_interval",
]


def macro_f1(predicted: LabelArray, truth: LabelArray, *, weights: FloatArray | None = None) -> FloatArray:
    """Return the mean F1 over the classes present in ``truth`` for each weighting (n_weightings,).

    A class that a weighting leaves without rows is left out of that weighting's mean; scikit-learn's
    ``f1_score(average="macro", labels=present)`` gives the same numbers. Errors as in ``balanced_accuracy``.
    """
    predicted, truth, weights = _decisions(predicted, truth, weights)
    scores, present = [], []
    for label in np.unique(truth):
        actual = weights @ (truth == label)
        claimed = weights @ (predicted == label)
        hits = weights @ ((truth == label) & (predicted == label))
        scores.append(2 * hits / np.maximum(actual + claimed, 1e-300))
        present.append(actual > 0)
    counted = np.array(present, dtype=float)
    with np.errstate(invalid="ignore"):
        return (np.array(scores) * counted).sum(axis=0) / counted.sum(axis=0)


def balanced_accuracy(
    predicted: LabelArray, truth: LabelArray, *, weights: FloatArray | None = None
) -> FloatArray:
    """Return the mean recall over the classes present in ``truth`` for each weighting (n_weightings,).

    A class that a weighting leaves without rows is left out of that weighting's mean; on whole rows it is
    scikit-learn's ``balanced_accuracy_score``.

    Raises
    ------
    ValueError : a missing label, text on one side and numbers on the other, a weight that is negative or NaN,
        lengths that differ.
    """
    predicted, truth, weights = _decisions(predicted, truth, weights)
    recalls, present = [], []
    for label in np.unique(truth):
        actual = weights @ (truth == label)
        recalls.append(weights @ ((truth == label) & (predicted == label)) / np.maximum(actual, 1e-300))
        present.append(actual > 0)
    counted = np.array(present, dtype=float)
    with np.errstate(invalid="ignore"):
        return (np.array(recalls) * counted).sum(axis=0) / counted.sum(axis=0)


def group_draws(groups: LabelArray, *, n_draws: int, seed: int) -> FloatArray:
    """Return bootstrap weights (n_draws, n_examples) that draw whole groups with replacement.

    Raises
    ------
    ValueError : no row, a row without a group (NaN or None), or fewer than one draw.
    """
    groups = known_values(groups, name="groups")
    if not len(groups) or n_draws < 1:
        raise ValueError(f"a bootstrap needs rows and draws, got {len(groups)} rows and n_draws {n_draws!r}.")
    _, index = np.unique(groups, return_inverse=True)
    n_groups = int(index.max()) + 1
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_draws)
    # Kept row after row of X: the AUROC sorts rows for every probe, and a row's draws then move as one piece.
    return np.ascontiguousarray(counts.T, dtype=float)[index].T


def observed_and_drawn(groups: LabelArray, *, n_draws: int, seed: int) -> FloatArray:
    """Return weights (1 + n_draws, n): every row once, then whole groups drawn with replacement."""
    return np.concatenate([np.ones((1, len(groups))), group_draws(groups, n_draws=n_draws, seed=seed)])


def percentile_interval(draws: FloatArray, *, level: float = 0.95) -> tuple[float, float]:
    """Return the central interval of the draws; NaN draws (a class was not drawn) are left out.

    Raises
    ------
    ValueError : the level does not lie between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}.")
    draws = plain_array(draws, name="draws")
    finite = draws[np.isfinite(draws)]
    if finite.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _decisions(
    predicted: LabelArray, truth: LabelArray, weights: FloatArray | None
) -> tuple[LabelArray, LabelArray, FloatArray]:
    """Return predicted and true labels (n,), comparable, and the weightings (n_weightings, n)."""
    truth = known_values(truth, name="truth")
    predicted = known_values(predicted, len(truth), name="predicted")
    if len(truth) and (predicted.dtype.kind in "UO") != (truth.dtype.kind in "UO"):
        raise ValueError(
            f"predicted ({predicted.dtype}) and truth ({truth.dtype}) must be labels of one kind, text or "
            "numbers; none would equal another."
        )
    return predicted, truth, weightings(weights, len(truth))
