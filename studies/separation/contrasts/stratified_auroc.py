"""AUROC inside strata, for the rows as they are and for every draw of a bootstrap over groups."""

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.metrics import auroc, group_draws


def drawn_weights(groups: LabelArray, *, n_draws: int, seed: int) -> FloatArray:
    """Return weights (1 + n_draws, n): every row once, then whole groups drawn with replacement."""
    return np.concatenate([np.ones((1, len(groups))), group_draws(groups, n_draws=n_draws, seed=seed)])


def area_inside(
    scores: FloatArray, positive: LabelArray, strata: LabelArray, *, weights: FloatArray
) -> FloatArray:
    """Return AUROC (n_weightings,) of rows compared inside their stratum only.

    Strata are averaged with weights n1 n0 / (n1 + n0); NaN where a weighting leaves no stratum with both.

    Parameters
    ----------
    scores, positive, strata : (n,).
    weights : (n_weightings, n) of rows.
    """
    total, counted = np.zeros(len(weights)), np.zeros(len(weights))
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        own, wins = weights[:, rows], positive[rows] == 1
        n1, n0 = own[:, wins].sum(axis=1), own[:, ~wins].sum(axis=1)
        share = n1 * n0 / np.maximum(n1 + n0, 1)
        area = auroc(scores[rows], wins, weights=own)
        total += np.where(share > 0, share * area, 0.0)
        counted += share
    return np.divide(total, counted, out=np.full(len(weights), np.nan), where=counted > 0)
