"""Rows that are near copies of rows in other groups: groups that do not hold what belongs together."""

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray

_DIRECTIONS = 128
"""Random directions that distances are measured in; they keep them to about 10 %."""

_NEAR = 0.1
"""Share of the usual distance between rows of one cell below which two rows are near copies."""


def share_of_near_copies(
    X: FloatArray, cells: NDArray[np.integer], groups: NDArray[np.generic], *, seed: int = 0
) -> float:
    """Return the share of rows (n, d) with a near copy in another group.

    Near is measured against the median distance between rows of the same cell in different groups, so that
    a tight cluster of rows that a model treats alike is not taken for copies.
    """
    X = np.asarray(X, dtype=np.float32)
    Z = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    if Z.shape[1] > _DIRECTIONS:
        rng = np.random.default_rng(seed)
        Z = Z @ rng.standard_normal((Z.shape[1], _DIRECTIONS), dtype=np.float32)
    _, group = np.unique(groups, return_inverse=True)
    usual = {}
    for cell in np.unique(cells):
        distances = _distances(Z[cells == cell], Z[cells == cell])
        apart = group[cells == cell][:, None] != group[cells == cell][None]
        usual[cell] = float(np.median(distances[apart])) if apart.any() else 0.0
    nearest = _nearest_elsewhere(Z, group)
    limit = _NEAR * np.array([usual[cell] for cell in cells])
    return float((nearest < limit).mean())


def _nearest_elsewhere(Z: FloatArray, group: NDArray[np.intp]) -> FloatArray:
    """Return the distance (n,) from each row to the nearest row of another group."""
    nearest = np.empty(len(Z))
    for start in range(0, len(Z), 1024):
        part = slice(start, start + 1024)
        distances = _distances(Z[part], Z)
        distances[group[part][:, None] == group[None]] = np.inf
        nearest[part] = distances.min(axis=1)
    return nearest


def _distances(A: FloatArray, B: FloatArray) -> FloatArray:
    squares = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1)[None] - 2 * A @ B.T
    return np.sqrt(np.maximum(squares, 0))
