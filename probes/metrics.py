"""Scores of held-out predictions, for many row weightings at once, so that a bootstrap costs one pass."""

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray


def auroc(scores: FloatArray, positive: LabelArray, *, weights: FloatArray | None = None) -> FloatArray:
    """Return the area under the ROC curve for each weighting (n_weightings,).

    The value is P(score of a positive > score of a negative), ties counted half (Mann-Whitney).

    Parameters
    ----------
    scores : (n_examples,) higher means more likely positive.
    positive : (n_examples,) truth.
    weights : (n_weightings, n_examples) non-negative; None weighs every row once.

    A weighting without positives or without negatives gives NaN.
    """
    weights = np.ones((1, len(scores))) if weights is None else np.atleast_2d(np.asarray(weights, float))
    _, rank = np.unique(np.asarray(scores), return_inverse=True)
    positive = np.asarray(positive, dtype=bool)
    wins = _weight_per_rank(weights * positive, rank)
    losses = _weight_per_rank(weights * ~positive, rank)
    below = np.cumsum(losses, axis=1) - losses
    pairs = wins.sum(axis=1) * losses.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return ((below + losses / 2) * wins).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)


def macro_f1(predicted: LabelArray, truth: LabelArray, *, weights: FloatArray | None = None) -> FloatArray:
    """Return the mean F1 over the classes present in ``truth`` for each weighting (n_weightings,).

    A class that a weighting leaves without rows is left out of that weighting's mean; scikit-learn's
    ``f1_score(average="macro", labels=present)`` gives the same numbers.
    """
    weights = np.ones((1, len(truth))) if weights is None else np.atleast_2d(np.asarray(weights, float))
    predicted, truth = np.asarray(predicted), np.asarray(truth)
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


def group_draws(groups: LabelArray, *, n_draws: int, seed: int) -> FloatArray:
    """Return bootstrap weights (n_draws, n_examples) that draw whole groups with replacement."""
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    n_groups = int(index.max()) + 1
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_draws)
    return counts[:, index].astype(float)


def percentile_interval(draws: FloatArray, *, level: float = 0.95) -> tuple[float, float]:
    """Return the central interval of the draws; NaN draws (a class was not drawn) are left out."""
    finite = draws[np.isfinite(draws)]
    if finite.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _weight_per_rank(weights: FloatArray, rank: LabelArray) -> FloatArray:
    """Sum weights (n_weightings, n_examples) over rows of equal rank: (n_weightings, n_ranks)."""
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(rank[order]) > 0])
    return np.add.reduceat(weights[:, order], starts, axis=1)
