"""How often, and from which seed, whole groups are drawn for the intervals of a table."""

from dataclasses import dataclass

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.metrics import group_draws


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """A cluster bootstrap: the same groups get the same draws wherever it is used."""

    n_draws: int
    seed: int

    def draws(self, groups: LabelArray) -> FloatArray:
        """Return weights (n_draws, n) of rows with these groups (n,); errors as in ``group_draws``."""
        return group_draws(groups, n_draws=self.n_draws, seed=self.seed)
