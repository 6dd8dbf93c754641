"""Rows that are near copies of rows in other groups: groups that do not hold what belongs together."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from unsinter.probes.arrays import FloatArray

_DIRECTIONS = 128
"""Random directions that distances are measured in; they keep them to about 10 %."""

_NEAR = 0.1
"""Share of the usual distance between rows of one cell below which two rows are near copies."""

_BY_CHANCE = 0.02
"""Share of rows that may have a near neighbour by chance; in few dimensions it lowers ``_NEAR``."""

_BLOCK = 1024


class Merged(NamedTuple):
    """Groups after near copies were put together.

    Attributes
    ----------
    share : of the rows that have a near copy in another group.
    groups : (n,) codes of the merged groups.
    """

    share: float
    groups: NDArray[np.intp]


def merge_near_copies(
    X: FloatArray, cells: NDArray[np.integer], groups: NDArray[np.generic], *, seed: int = 0
) -> Merged:
    """Put groups that hold near copies of each other's rows (n, d) together.

    Near is measured against the median distance between rows of the same cell in different groups, so that
    a tight cluster of rows that a model treats alike is not taken for copies. In few dimensions rows lie
    close by chance (on a line, all of them), so near is then nearer.
    """
    X = np.asarray(X, dtype=np.float32)
    Z: FloatArray = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    if Z.shape[1] > _DIRECTIONS:
        rng = np.random.default_rng(seed)
        Z = Z @ rng.standard_normal((Z.shape[1], _DIRECTIONS), dtype=np.float32)
    near = min(_NEAR, (_BY_CHANCE / len(Z)) ** (1 / _dimensions(Z, cells)))
    if near < _NEAR:
        Z = Z.astype(np.float64)  # so near that float32 would take rounding for distance
    _, group = np.unique(groups, return_inverse=True)
    usual = np.zeros(len(Z))
    for cell in np.unique(cells):
        own = cells == cell
        apart = group[own][:, None] != group[own][None]
        usual[own] = np.median(_distances(Z[own], Z[own])[apart]) if apart.any() else 0.0
    rows, copies = _near_pairs(Z, group, near * usual)
    links = coo_array((np.ones(len(rows)), (group[rows], group[copies])), shape=(group.max() + 1,) * 2)
    _, merged = connected_components(links, directed=False)
    return Merged(share=len(np.unique(rows)) / len(Z), groups=np.asarray(merged[group], dtype=np.intp))


def _dimensions(Z: FloatArray, cells: NDArray[np.integer]) -> float:
    """Return in how many directions rows (n, d) of a cell spread alike: 1 to d, the participation ratio."""
    around = Z.astype(np.float64)
    for cell in np.unique(cells):
        around[cells == cell] -= around[cells == cell].mean(axis=0)
    covariance = around.T @ around / len(around)
    power = float(np.square(covariance).sum())
    return max(1.0, float(np.trace(covariance)) ** 2 / power) if power > 0 else 1.0


def _near_pairs(
    Z: FloatArray, group: NDArray[np.intp], limit: FloatArray
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and their near copies in other groups, as two columns."""
    found = []
    for start in range(0, len(Z), _BLOCK):
        part = slice(start, start + _BLOCK)
        near = _distances(Z[part], Z) < limit[part][:, None]
        near &= group[part][:, None] != group[None]
        rows, copies = np.nonzero(near)
        found.append((rows + start, copies))
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _distances(A: FloatArray, B: FloatArray) -> FloatArray:
    squares = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1)[None] - 2 * A @ B.T
    return np.sqrt(np.maximum(squares, 0))
