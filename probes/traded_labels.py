"""Groups that trade their labels: those of equal shape, with what inside each stays together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import LabelArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """Pieces of equal shape: as many units of each size in every one.

    Attributes
    ----------
    rows : (n_pieces, size) row indices, unit after unit, small ones first.
    unit_sizes : (size,) size of the unit that stands at each place.
    """

    rows: NDArray[np.intp]
    unit_sizes: NDArray[np.intp]

    @classmethod
    def trading(
        cls, groups: LabelArray, strata: LabelArray, units: LabelArray | None = None
    ) -> "list[Pieces]":
        """Return the pieces that may trade, shape by shape: the rows of each group in each stratum.

        Parameters
        ----------
        groups, strata : (n_examples,).
        units : (n_examples,) rows of a piece whose labels stay together; None: each row by itself.
        """
        units = np.arange(len(groups)) if units is None else units
        sets = []
        for stratum in np.unique(strata):
            rows = np.flatnonzero(strata == stratum)
            _, group = np.unique(groups[rows], return_inverse=True)
            _, unit = np.unique(units[rows], return_inverse=True)
            _, part, counts = np.unique(
                group * (unit.max() + 1) + unit, return_inverse=True, return_counts=True
            )
            order = np.lexsort((unit, counts[part], group))
            ends = np.cumsum(np.bincount(group))[:-1]
            shapes: dict[tuple[int, ...], list[NDArray[np.intp]]] = {}
            for piece in np.split(order, ends):
                shapes.setdefault(tuple(counts[part[piece]].tolist()), []).append(rows[piece])
            for shape in sorted(shapes, key=lambda sizes: (len(sizes), sizes)):
                sets.append(cls(rows=np.stack(shapes[shape]), unit_sizes=np.array(shape)))
        return sets

    def traded(self, labels: LabelArray, n: int, rng: np.random.Generator) -> LabelArray:
        """Return n draws (n, n_pieces * size) of labels of these rows: pieces trade, then units inside."""
        n_pieces = len(self.rows)
        drawn = labels[self.rows][rng.random((n, n_pieces)).argsort(axis=1)]
        for size in np.unique(self.unit_sizes):
            places = np.flatnonzero(self.unit_sizes == size)
            n_units = len(places) // size
            if n_units > 1:
                order = rng.random((n, n_pieces, n_units)).argsort(axis=2)
                units = drawn[:, :, places].reshape(n, n_pieces, n_units, size)
                moved = np.take_along_axis(units, order[..., None], axis=2)
                drawn[:, :, places] = moved.reshape(n, n_pieces, len(places))
        return drawn.reshape(n, -1)
