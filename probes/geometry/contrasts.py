"""The direction of one binary factor with the other held fixed, as a contrast of cell means."""

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.row_values import weightings


def contrast_rows(z: LabelArray, w: LabelArray, *, weights: FloatArray | None = None) -> FloatArray:
    """Return the rows (n_weightings, 2, n) that turn X into the double-difference directions of z and of w.

    ``contrast_rows(z, w)[0] @ X`` is v_z = 1/2 [(mu11 - mu01) + (mu10 - mu00)] and v_w = 1/2 [(mu11 - mu10) +
    (mu01 - mu00)], with mu of the cell (z, w): all four cells weigh alike, however often they occur.

    Parameters
    ----------
    z, w : (n,) 1 or 0; or (n_weightings, n), where every weighting has labels of its own.
    weights : (n_weightings, n) of rows, as a bootstrap draws them; None weighs every row once.

    A weighting that leaves a cell without rows gives NaN.

    Raises
    ------
    ValueError : labels other than 1 and 0, lengths that differ, or a weight that is negative or NaN.
    """
    z, w = (_binary(values, name) for values, name in ((z, "z"), (w, "w")))
    weights = weightings(weights, z.shape[1])
    shares = np.zeros(np.broadcast_shapes(z.shape, w.shape, weights.shape))
    empty = np.zeros(len(shares), dtype=bool)
    for first in (0, 1):
        for second in (0, 1):
            inside = weights * ((z == first) & (w == second))
            total = inside.sum(axis=1, keepdims=True)
            empty |= total[:, 0] == 0
            shares += inside / np.where(total > 0, total, 1)
    shares[empty] = np.nan
    return np.stack([shares * (z - 0.5), shares * (w - 0.5)], axis=1)


def _binary(values: LabelArray, name: str) -> LabelArray:
    """Return labels (n_labellings, n) that are 1 or 0."""
    labels = np.atleast_2d(plain_array(values, name=name))
    if labels.dtype.kind not in "biuf" or not ((labels == 0) | (labels == 1)).all():
        raise ValueError(
            f"{name} must hold 1 and 0 alone, got {np.unique(labels)[:4].tolist()}; leave others out."
        )
    return labels


def residuals(X: FloatArray, cells: LabelArray) -> FloatArray:
    """Return X (n, d), of a float type, less the mean of each row's cell (n,)."""
    _, code = np.unique(cells, return_inverse=True)
    left = np.empty_like(X)
    for cell in range(int(code.max()) + 1):  # one by one: never the means of all rows as a matrix
        own = X[code == cell]
        left[code == cell] = own - own.mean(axis=0)
    return left
