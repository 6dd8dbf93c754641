"""Labels permuted in whole groups inside strata: what a label would be if it meant nothing given another."""

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import LabelArray
from unsinter.probes.row_values import known_values


def stratified_permutations(
    y: LabelArray, *, groups: LabelArray, strata: LabelArray | None = None, n: int = 1, seed: int = 0
) -> LabelArray:
    """Return ``n`` permuted copies of y (n, n_examples); counts of every label in every stratum are kept.

    The rows of one group in one stratum are a piece. Pieces of equal size in the same stratum trade labels,
    which are then reordered inside each; a piece alone in its size keeps its labels but for their order.

    Parameters
    ----------
    y, groups, strata : (n_examples,); strata None is one stratum.

    Raises
    ------
    ValueError : lengths differ, an entry is missing (NaN or None), or every piece is alone in its size and of
        one label, so that nothing moves.

    References
    ----------
    Phipson & Smyth (2010) for p-values from such draws.
    """
    y, groups = known_values(y, name="y"), known_values(groups, name="groups")
    strata = np.zeros(len(y), dtype=int) if strata is None else known_values(strata, name="strata")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n!r}.")
    if not len(y) == len(groups) == len(strata):
        raise ValueError(
            f"y has {len(y)} rows, groups {len(groups)}, strata {len(strata)}; give one per row."
        )
    sets = _trading(groups, strata)
    if all(len(np.unique(y[rows])) == 1 for rows in sets):
        raise ValueError("no two groups of equal size differ in their label inside a stratum; nothing moves.")
    rng = np.random.default_rng(seed)
    drawn = np.tile(y, (n, 1))
    for rows in sets:
        drawn[:, rows.ravel()] = _traded(y[rows], n, rng)
    return drawn


def _trading(groups: LabelArray, strata: LabelArray) -> list[NDArray[np.intp]]:
    """Return the rows (n_pieces, size) of each set of pieces that may trade."""
    sets = []
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        _, index, counts = np.unique(groups[rows], return_inverse=True, return_counts=True)
        pieces = np.split(rows[np.argsort(index, kind="stable")], np.cumsum(counts)[:-1])
        sets += [np.stack([p for p in pieces if len(p) == size]) for size in np.unique(counts)]
    return sets


def _traded(labels: LabelArray, n: int, rng: np.random.Generator) -> LabelArray:
    """Return labels (n, n_pieces * size) of pieces (n_pieces, size)."""
    traded = labels[rng.random((n, len(labels))).argsort(axis=1)]
    if labels.shape[1] > 1:
        traded = np.take_along_axis(traded, rng.random(traded.shape).argsort(axis=2), axis=2)
    return traded.reshape(n, -1)
