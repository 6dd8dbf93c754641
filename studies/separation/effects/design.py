"""Least-squares weights of rows in every contrast that is asked of two factors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray

_CELLS = np.array([[0, 1, -1, 0], [1, 0, 0, -1], [1, -1, -1, 1]], dtype=np.float64)
"""Of the means of the cells both, first_only, second_only, neither: one label is 1 (mixed), labels alike,
interaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectDesign:
    """Two factors over the rows of a pair, and what is held fixed beside the other factor.

    Attributes
    ----------
    z, w : (n,) codes of the factors, 0 or 1, or where labels err the probability of 1.
    cells : (n,) places in ``CELLS``, as observed.
    fixed_columns : (n, q) columns held fixed in every contrast, an intercept among them.
    fixed_first, fixed_second : (n, q) further columns held fixed for the effect of the first, or second,
        factor.
    """

    z: FloatArray
    w: FloatArray
    cells: NDArray[np.intp]
    fixed_columns: FloatArray
    fixed_first: FloatArray
    fixed_second: FloatArray

    def of(self, rows: NDArray[np.intp]) -> "EffectDesign":
        """Return the design over some rows, or over rows in another order."""
        return EffectDesign(**{name: getattr(self, name)[rows] for name in self.__slots__})

    def weights(self, rows: NDArray[np.intp]) -> FloatArray:
        """Return weights (5, n_rows): their products with rows of X are the contrasts.

        The effect of z, of w, then the differences between cells of ``_CELLS`` with all else held fixed.
        """
        fixed = self.fixed_columns[rows]
        means = _solved(np.hstack([np.eye(4)[self.cells[rows]], fixed[:, 1:]]), 4)
        return np.concatenate([*self._both_effects(rows, fixed), _CELLS @ means])

    def _both_effects(self, rows: NDArray[np.intp], fixed: FloatArray) -> list[FloatArray]:
        """Return weights of the effect of z and of w: of one fit, where both hold the same fixed."""
        z, w = self.z[rows, None], self.w[rows, None]
        if not self.fixed_first.shape[1] and not self.fixed_second.shape[1]:
            return [_solved(np.hstack([z, w, fixed]), 2)]
        first = _solved(np.hstack([z, w, fixed, self.fixed_first[rows]]), 1)
        return [first, _solved(np.hstack([w, z, fixed, self.fixed_second[rows]]), 1)]

    def without_held(self, rows: NDArray[np.intp], values: FloatArray) -> FloatArray:
        """Return values (n_rows,) less what is held fixed explains, cells adjusted for."""
        columns = np.hstack([np.eye(4)[self.cells[rows]], self.fixed_columns[rows][:, 1:]])
        return np.asarray(values - columns[:, 4:] @ (_solved(columns)[4:] @ values))

    def shares_left(self) -> tuple[float, float]:
        """Return the share of the variance of z, and of w, that the other and all held leave unexplained."""
        return (
            _left(self.z, np.hstack([self.w[:, None], self.fixed_columns, self.fixed_first])),
            _left(self.w, np.hstack([self.z[:, None], self.fixed_columns, self.fixed_second])),
        )


_ROOM = 2**29
"""Bytes of weights that are kept rather than made anew at every site."""


class SplitWeights:
    """Weights of the held-out and of the training rows of every fold, for every design.

    They depend on labels alone, so all sites that share folds share them.
    """

    def __init__(self, designs: Sequence[EffectDesign], folds: NDArray[np.intp]) -> None:
        self.designs = designs
        self.folds = folds
        n_folds = int(folds.max()) + 1
        room = 8 * 5 * folds.size * n_folds * len(designs)
        self._kept = (
            {}
            if room > _ROOM
            else {
                (split, fold): self._made(split, fold)
                for split in range(len(folds))
                for fold in range(n_folds)
            }
        )

    def of(self, split: int, fold: int) -> list[tuple[FloatArray, FloatArray]]:
        """Return weights (5, n_held_out) and (5, n_train) of each design."""
        return self._kept.get((split, fold)) or self._made(split, fold)

    def _made(self, split: int, fold: int) -> list[tuple[FloatArray, FloatArray]]:
        test, train = (
            np.flatnonzero(part) for part in (self.folds[split] == fold, self.folds[split] != fold)
        )
        return [(design.weights(test), design.weights(train)) for design in self.designs]


def _solved(H: FloatArray, n_rows: int | None = None) -> FloatArray:
    """Return the pseudo-inverse (q, n) of columns H (n, q), or its first rows."""
    inverse = np.linalg.pinv(H.T @ H, rcond=1e-10, hermitian=True)
    return np.asarray(inverse[:n_rows] @ H.T)


def _left(y: FloatArray, H: FloatArray) -> float:
    residual = y - H @ (_solved(H) @ y)
    return float(residual.var() / max(y.var(), 1e-300))
