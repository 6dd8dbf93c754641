"""Does the first factor's probe hold in a category it was not trained on, the second factor held fixed?"""

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.estimate import UNKNOWN, Estimate
from unsinter.studies.separation.contrasts.bands import simultaneous_band
from unsinter.studies.separation.contrasts.contrast import make_contrast
from unsinter.studies.separation.contrasts.directions import Design, cross_fitted
from unsinter.studies.separation.contrasts.influence import held_fixed_auroc
from unsinter.studies.separation.inputs.pair import Pair, cell_codes
from unsinter.studies.separation.inputs.thresholds import Rule


def category_transfer(X: FloatArray, pair: Pair, rule: Rule) -> Estimate:
    """Return the AUROC of the first factor, each category scored by a probe trained without it.

    Rows are compared within their category and value of the second factor. Rows without a category, and
    groups that stand in several, take no part. Unknown where fewer than two categories hold rows to compare.

    Parameters
    ----------
    X : (n, d) of one site, rows as in the pair.
    """
    if pair.strata is None:
        return UNKNOWN
    contrast = make_contrast(pair)
    kept = ~contrast.unnamed & ~_in_several(contrast.groups, pair.strata[contrast.rows])
    strata = pair.strata[contrast.rows][kept]
    if len(np.unique(strata)) < 2:
        return UNKNOWN
    _, folds = np.unique(strata, return_inverse=True)
    z, w = contrast.z[kept], contrast.w[kept]
    comparison = contrast.comparisons()[0].of(kept)
    cells = cell_codes(z, w)
    if any(len(np.unique(cells[folds != fold])) < 4 for fold in np.unique(folds)):
        return UNKNOWN
    design = Design(cells=cells, strata=folds, comparisons=[comparison])
    fit = cross_fitted(X[contrast.rows][kept], [design], folds)[0]
    statistic = held_fixed_auroc(fit.scores[:1], fit.pull[:1], comparison)
    if statistic is None:
        return UNKNOWN
    low, high = simultaneous_band(
        statistic, contrast.groups[kept], level=rule.level, n_draws=rule.n_draws, seed=rule.seed
    )
    return Estimate(float(statistic.value[0]), float(low[0]), float(high[0]))


def _in_several(groups: NDArray[np.generic], strata: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return which rows belong to a group with rows in more than one stratum (n,)."""
    pairs = {(group, stratum) for group, stratum in zip(groups.tolist(), strata.tolist(), strict=True)}
    seen: dict[object, int] = {}
    for group, _ in pairs:
        seen[group] = seen.get(group, 0) + 1
    return np.array([seen[group] > 1 for group in groups.tolist()])
