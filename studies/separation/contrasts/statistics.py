"""All statistics of a contrast from what every site gave it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.contrasts.beyond_text import bits_beyond
from unsinter.studies.separation.contrasts.comparison import FIRST, SECOND
from unsinter.studies.separation.contrasts.contrast import Contrast
from unsinter.studies.separation.contrasts.directions import CrossFit
from unsinter.studies.separation.contrasts.influence import Statistic, held_fixed_auroc, mean_statistic


def auroc_statistics(fits: Sequence[CrossFit], contrast: Contrast) -> dict[str, Statistic]:
    """Return the AUROCs by name for every site; one without rows to compare is left out."""
    scores = np.stack([fit.scores for fit in fits])
    pull = np.stack([fit.pull for fit in fits])
    statistics = {}
    for place, comparison in enumerate(contrast.comparisons()):
        auroc = held_fixed_auroc(scores[:, comparison.probe], pull[:, place], comparison)
        if auroc is not None:
            statistics[comparison.name] = auroc
    return statistics


def bit_statistics(
    fits: Sequence[CrossFit], text: FloatArray, contrast: Contrast, folds: NDArray[np.intp]
) -> dict[str, Statistic]:
    """Return the usable bits of both factors beyond the text and the other factor, for every site.

    Parameters
    ----------
    text : (2, n_readers, n) held-out scores of each factor by every reader of the text.
    folds : (n,) folds of the two arms.
    """
    scores = np.stack([fit.scores for fit in fits])
    statistics = {}
    for name, probe, truth, other in (
        ("bits_first", FIRST, contrast.z, contrast.w),
        ("bits_second", SECOND, contrast.w, contrast.z),
    ):
        known = np.column_stack([*text[probe], other])
        statistics[name] = mean_statistic(bits_beyond(known, scores[:, probe], truth, folds))
    return statistics
