"""Scores of held-out predictions, for many row weightings at once, so that a bootstrap costs one pass."""

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.row_values import finite_numbers, known_values, positive_rows, weightings

_BLOCK = 64
"""Weightings handled at once: as many as leave a few thousand rows of them in a core's cache."""


def auroc(
    scores: FloatArray,
    positive: LabelArray,
    *,
    weights: FloatArray | None = None,
    strata: LabelArray | None = None,
) -> FloatArray:
    """Return the area under the ROC curve for each weighting (n_weightings,).

    The value is P(score of a positive > score of a negative), ties counted half (Mann-Whitney). With
    ``strata`` only rows of one stratum are compared, and the AUROCs of the strata are averaged with weights
    n1 n0 / (n1 + n0), the inverse of their variance up to a constant: a score that is the same for all rows
    of each stratum gives exactly one half.

    Parameters
    ----------
    scores : (n_examples,) higher means more likely positive.
    positive : (n_examples,) truth: True and False, 1 and 0, or 1 and -1.
    weights : (n_weightings, n_examples) non-negative; None weighs every row once.
    strata : (n_examples,) labels; None compares all rows.

    A weighting without a positive and a negative, of one stratum, gives NaN.

    Raises
    ------
    ValueError : NaN or inf among scores, other labels, a missing stratum, a weight that is negative or NaN,
        lengths that differ.
    """
    scores = finite_numbers(scores, name="scores")
    positive = positive_rows(positive, len(scores))
    weights = weightings(weights, len(scores))
    if strata is not None:
        return _stratified_auroc(scores, positive, known_values(strata, len(scores), name="strata"), weights)
    wins, losses = np.flatnonzero(positive), np.flatnonzero(~positive)
    losses = losses[np.argsort(scores[losses])]
    wins = wins[np.argsort(scores[wins])]
    first = np.searchsorted(scores[losses], scores[wins], side="left")
    last = np.searchsorted(scores[losses], scores[wins], side="right")
    area = np.empty(len(weights))
    for start in range(0, len(weights), _BLOCK):
        block = weights.T[:, start : start + _BLOCK]
        area[start : start + _BLOCK] = _area(block[wins], block[losses], first, last)
    return area


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

    ValueError : no row, a row without a group (NaN or None), or fewer than one draw.
    """
    groups = known_values(groups, name="groups")
    if not len(groups) or n_draws < 1:
        raise ValueError(f"a bootstrap needs rows and draws, got {len(groups)} rows and n_draws {n_draws!r}.")
    _, index = np.unique(groups, return_inverse=True)
    n_groups = int(index.max()) + 1
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_draws)
    # Kept row after row of X: the area sorts rows for every probe, and a row's draws then move as one piece.
    return np.ascontiguousarray(counts.T, dtype=float)[index].T


def observed_and_drawn(groups: LabelArray, *, n_draws: int, seed: int) -> FloatArray:
    """Return weights (1 + n_draws, n): every row once, then whole groups drawn with replacement."""
    return np.concatenate([np.ones((1, len(groups))), group_draws(groups, n_draws=n_draws, seed=seed)])


def percentile_interval(draws: FloatArray, *, level: float = 0.95) -> tuple[float, float]:
    """Return the central interval of the draws; NaN draws (a class was not drawn) are left out."""
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


def _area(wins: FloatArray, losses: FloatArray, first: LabelArray, last: LabelArray) -> FloatArray:
    """Return the area (n_weightings,) from weights of positives and of negatives, each sorted by score.

    ``first`` and ``last`` (n_positives,) count the negatives that score below, and at most as high.
    """
    below = np.zeros((len(losses) + 1, losses.shape[1]))
    np.cumsum(losses, axis=0, out=below[1:])
    beaten = below[first]
    if (tied := first != last).any():
        beaten[tied] = (beaten[tied] + below[last[tied]]) / 2
    pairs = wins.sum(axis=0) * below[-1]
    with np.errstate(invalid="ignore"):
        return np.einsum("ij,ij->j", wins, beaten) / np.where(pairs > 0, pairs, np.nan)


def _stratified_auroc(
    scores: FloatArray, positive: LabelArray, strata: LabelArray, weights: FloatArray
) -> FloatArray:
    """Return the AUROC inside strata for each of weights (n_weightings, n), all strata in one pass."""
    _, rank = np.unique(scores, return_inverse=True)
    _, stratum = np.unique(strata, return_inverse=True)
    step = len(scores) + 1
    key = stratum * step + rank
    order = np.argsort(key, kind="stable")
    wins, losses = order[positive[order]], order[~positive[order]]
    area = np.full(len(weights), np.nan)
    if not len(wins) or not len(losses):
        return area
    own, starts = np.unique(stratum[wins], return_index=True)
    edges = np.searchsorted(key[losses], np.stack([own, own + 1]) * step)
    first, last = (np.searchsorted(key[losses], key[wins], side) for side in ("left", "right"))
    base = np.repeat(edges[0], np.diff(np.append(starts, len(wins))))
    for start in range(0, len(weights), _BLOCK):
        block = weights.T[:, start : start + _BLOCK]
        below = np.zeros((len(losses) + 1, block.shape[1]))
        np.cumsum(block[losses], axis=0, out=below[1:])
        beaten = (below[first] + below[last]) / 2 - below[base]
        won = np.add.reduceat(beaten * block[wins], starts, axis=0)
        n1, n0 = np.add.reduceat(block[wins], starts, axis=0), below[edges[1]] - below[edges[0]]
        share = np.divide(1.0, n1 + n0, out=np.zeros_like(n1), where=n1 + n0 > 0)
        pairs = (n1 * n0 * share).sum(axis=0)
        np.divide((won * share).sum(axis=0), pairs, out=area[start : start + _BLOCK], where=pairs > 0)
    return area
