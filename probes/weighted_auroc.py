"""The area under the ROC curve: with weights, inside strata, for many labellings, and what a row adds to it.

All of it counts pairs of a positive and a negative row that the scores put in their order, ties as a half
(Mann-Whitney).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from unsinter.probes.arrays import FloatArray, LabelArray
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
    of each stratum gives exactly one half. A weighting without a positive and a negative, of one stratum,
    gives NaN.

    Parameters
    ----------
    scores : (n_examples,) higher means more likely positive.
    positive : (n_examples,) truth: True and False, 1 and 0, or 1 and -1.
    weights : (n_weightings, n_examples) non-negative; None weighs every row once.
    strata : (n_examples,) labels; None compares all rows.

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
    places = RankPlaces.of(scores[wins], scores[losses])
    value = np.empty(len(weights))
    for start in range(0, len(weights), _BLOCK):
        block = weights.T[:, start : start + _BLOCK]
        below = summed(block[losses])
        pairs = block[wins].sum(axis=0) * below[-1]
        with np.errstate(invalid="ignore"):
            won = np.einsum("ij,ij->j", block[wins], places.beaten(below))
            value[start : start + _BLOCK] = won / np.where(pairs > 0, pairs, np.nan)
    return value


class RankPlaces:
    """Where positives stand among negatives.

    Attributes
    ----------
    first, last : (n_positives,) how many negatives score below, and at most as high.
    """

    def __init__(self, first: NDArray[np.intp], last: NDArray[np.intp]) -> None:
        self.first, self.last = first, last
        self.tied = first != last

    @classmethod
    def of(cls, positive: LabelArray, negative: LabelArray) -> "RankPlaces":
        """Return the places of scores (n_positives,) among those of negatives (n_negatives,), which rise."""
        first, last = (np.searchsorted(negative, positive, side) for side in ("left", "right"))
        return cls(first, last)

    def beaten(self, below: FloatArray) -> FloatArray:
        """Return the weight of the negatives that each positive beats (n_positives, n_weightings).

        ``below`` are the summed weights of negatives in the order of their scores (see ``summed``).
        """
        beaten = below[self.first]
        if self.tied.any():
            beaten[self.tied] = (beaten[self.tied] + below[self.last[self.tied]]) / 2
        return beaten


def summed(weights: FloatArray) -> FloatArray:
    """Return running sums (n + 1, n_weightings) of weights (n, n_weightings), in their dtype, from zero."""
    sums = np.zeros((len(weights) + 1, weights.shape[1]), dtype=weights.dtype)
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums


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
    value = np.full(len(weights), np.nan)
    if not len(wins) or not len(losses):
        return value
    own, starts = np.unique(stratum[wins], return_index=True)
    edges = np.searchsorted(key[losses], np.stack([own, own + 1]) * step)
    places = RankPlaces.of(key[wins], key[losses])
    base = np.repeat(edges[0], np.diff(np.append(starts, len(wins))))
    for start in range(0, len(weights), _BLOCK):
        block = weights.T[:, start : start + _BLOCK]
        below = summed(block[losses])
        beaten = places.beaten(below) - below[base]
        won = np.add.reduceat(beaten * block[wins], starts, axis=0)
        n1, n0 = np.add.reduceat(block[wins], starts, axis=0), below[edges[1]] - below[edges[0]]
        share = np.divide(1.0, n1 + n0, out=np.zeros_like(n1), where=n1 + n0 > 0)
        pairs = (n1 * n0 * share).sum(axis=0)
        np.divide((won * share).sum(axis=0), pairs, out=value[start : start + _BLOCK], where=pairs > 0)
    return value


class LabellingAuroc:
    """AUROC of every site for many labellings of the same rows, in one product of ranks and labels.

    Parameters
    ----------
    scores : (n_sites, n).
    n_positive : positives in every labelling.
    """

    def __init__(self, scores: FloatArray, *, n_positive: int) -> None:
        self.ranks = rankdata(scores, axis=1)
        self.n_positive = n_positive
        self.pairs = n_positive * (scores.shape[1] - n_positive)

    def __call__(self, positive: NDArray[np.bool_]) -> FloatArray:
        """Return AUROCs (n_sites, n_labellings) for truth (n, n_labellings)."""
        wins = self.ranks @ positive.astype(float)
        return (wins - self.n_positive * (self.n_positive + 1) / 2) / self.pairs


def placements(positive: FloatArray, negative: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what each row adds to the AUROC of every site, as DeLong et al. (1988) have it.

    The first (n_sites, n_positives) is the share of negatives below each positive, the second
    (n_sites, n_negatives) the share of positives above each negative; the mean of either is the AUROC.

    Parameters
    ----------
    positive, negative : (n_sites, n_positives), (n_sites, n_negatives) scores.
    """
    n1, n0 = positive.shape[1], negative.shape[1]
    ranks = rankdata(np.concatenate([positive, negative], axis=1), axis=1)
    over = (ranks[:, :n1] - rankdata(positive, axis=1)) / n0
    under = 1 - (ranks[:, n1:] - rankdata(negative, axis=1)) / n1
    return over, under
