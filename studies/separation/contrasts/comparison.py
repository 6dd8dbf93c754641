"""Which rows a statistic compares, by whose probe, and with what held fixed."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray

FIRST, SECOND, WHERE_SECOND, WHERE_NOT_SECOND = range(4)
"""Probes of a contrast: of z, of w, of z from rows with w = 1 only, of z from rows with w = 0 only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Pairs of a positive and a negative row within one block.

    Attributes
    ----------
    probe : whose scores are compared, as a place in the list above.
    positive : (n,) truth.
    blocks : (n,) what is held fixed; rows at -1 are compared with none.
    """

    name: str
    probe: int
    positive: NDArray[np.bool_]
    blocks: NDArray[np.intp]

    def of(self, rows: NDArray[np.bool_]) -> "Comparison":
        """Return the comparison over some of the rows (n,)."""
        return replace(self, positive=self.positive[rows], blocks=self.blocks[rows])

    def block_weights(self) -> dict[int, float]:
        """Return the weight of each block with both classes: n1 n0 / (n1 + n0), in sum 1.

        That is the inverse variance of an AUROC under chance.
        """
        weights = {}
        for block in np.unique(self.blocks[self.blocks >= 0]):
            n1 = int((self.positive & (self.blocks == block)).sum())
            n0 = int((~self.positive & (self.blocks == block)).sum())
            if n1 and n0:
                weights[int(block)] = n1 * n0 / (n1 + n0)
        total = sum(weights.values())
        return {block: weight / total for block, weight in weights.items()}

    def row_weights(self) -> FloatArray:
        """Return the weight of each row (n,) in the mean difference of positives and negatives."""
        weights = np.zeros(len(self.positive))
        for block, weight in self.block_weights().items():
            for sign, rows in ((1, self.positive), (-1, ~self.positive)):
                own = rows & (self.blocks == block)
                weights[own] = sign * weight / own.sum()
        return weights
