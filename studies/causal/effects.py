"""Mean changes of log-odds over held-out prompts, and over draws of whole groups of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.estimate import NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Bootstrap weights of the held-out prompts (n_draws, n): whole groups, the same for every effect."""

    weights: FloatArray
    groups: NDArray[np.generic]

    @classmethod
    def of(cls, groups: NDArray[np.generic], bootstrap: Bootstrap) -> "Draws":
        """Return the draws of prompts with these groups (n,)."""
        return cls(weights=bootstrap.draws(groups), groups=groups)

    def mean(self, values: FloatArray, rows: BoolArray) -> FloatArray:
        """Return the mean of values (n,) over the rows (n,), then that of each draw (1 + n_draws,)."""
        own = rows & np.isfinite(values)
        if not own.any():
            return np.full(1 + len(self.weights), NAN)
        total = self.weights[:, own].sum(axis=1)
        summed = self.weights[:, own] @ values[own]
        drawn = np.divide(summed, total, out=np.full(len(total), NAN), where=total > 0)
        return np.concatenate([[values[own].mean()], drawn])

    def n_groups(self, rows: BoolArray) -> int:
        """Return independent groups among the rows."""
        return len(set(self.groups[rows].tolist()))
