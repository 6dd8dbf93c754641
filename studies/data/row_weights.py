"""How much each row counts in training."""

import numpy as np
from numpy.typing import NDArray

from unsinter.studies.data.site_readers import FloatArray


def equal_sums(cells: NDArray[np.str_], train: NDArray[np.intp]) -> FloatArray:
    """Return weights (n_examples,) by which every cell found among the training rows weighs the same in sum.

    The mean weight of a training row is 1. Rows outside ``train`` get zero, and so do rows whose cell is
    the empty string.
    """
    weights = np.zeros(len(cells))
    names = [name for name in np.unique(cells[train]) if name]
    labelled = int((cells[train] != "").sum())
    for name in names:
        rows = train[cells[train] == name]
        weights[rows] = labelled / (len(names) * len(rows))
    return weights


def row_weights(
    weighting: str, *, labels: NDArray[np.str_], cells: NDArray[np.str_], train: NDArray[np.intp]
) -> FloatArray:
    """Return weights (n_examples,) for ``none``, ``class`` (by label) or ``cell`` (by harm and refusal)."""
    if weighting == "none":
        return np.ones(len(labels))
    return equal_sums(labels if weighting == "class" else cells, train)
