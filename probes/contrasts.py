"""The direction of one binary factor with the other held fixed, as a contrast of cell means."""

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray


def contrast_rows(z: LabelArray, w: LabelArray, *, weights: FloatArray | None = None) -> FloatArray:
    """Return the rows (n_weightings, 2, n) that turn X into the double-difference directions of z and of w.

    ``contrast_rows(z, w)[0] @ X`` is v_z = 1/2 [(mu11 - mu01) + (mu10 - mu00)] and v_w = 1/2 [(mu11 - mu10) +
    (mu01 - mu00)], with mu of the cell (z, w): all four cells weigh alike, however often they occur.

    Parameters
    ----------
    z, w : (n,) 1 or 0; or (n_weightings, n), where every weighting has labels of its own.
    weights : (n_weightings, n) of rows, as a bootstrap draws them; None weighs every row once.

    A weighting that leaves a cell without rows gives NaN.
    """
    z, w = np.atleast_2d(z), np.atleast_2d(w)
    weights = np.ones((1, z.shape[1])) if weights is None else np.atleast_2d(weights)
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


def residuals(X: FloatArray, cells: LabelArray) -> FloatArray:
    """Return X (n, d) less the mean of each row's cell (n,)."""
    _, code = np.unique(cells, return_inverse=True)
    means = np.stack([X[code == c].mean(axis=0) for c in range(int(code.max()) + 1)])
    return X - means[code]
