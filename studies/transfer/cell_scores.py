"""All columns of a transfer matrix at once: the scores of one fit in, its cells and bootstrap draws out."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.probes.metrics import group_draws, percentile_interval
from unsinter.probes.weighted_auroc import RankPlaces, summed
from unsinter.studies.transfer.plans import Labels, Plan, RowIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Columns that share their negatives, so that these are ranked and summed once."""

    columns: NDArray[np.intp]
    starts: NDArray[np.intp]
    positive: RowIndex
    negative: RowIndex
    pairs: FloatArray


class Board:
    """The held-out rows of a plan with one set of bootstrap weights for every cell of every reader.

    Whole groups are drawn with replacement; cells, sites and readers share the draws, so that differences
    between them are paired.

    Attributes
    ----------
    rows : (n_tested,) indices of all held-out rows of the plan, ascending.

    Raises
    ------
    LeakageError : a group of these rows is trained on.
    """

    def __init__(self, plan: Plan, groups: Labels, *, n_draws: int, seed: int) -> None:
        plan.refuse_leakage(groups)
        self.plan = plan
        sides = plan.tested.values()
        self.rows = np.unique(np.concatenate([np.r_[side.positive, side.negative] for side in sides]))
        draws = group_draws(groups[self.rows], n_draws=n_draws, seed=seed)
        # Single precision holds these counts and their sums exactly, in half the memory traffic.
        self._weights = np.ascontiguousarray(np.vstack([np.ones(len(self.rows)), draws]).T, dtype=np.float32)
        self._blocks = self._make_blocks()

    def cells(self, scores: FloatArray) -> FloatArray:
        """Return AUROCs of all columns (n_columns, 1 + n_draws) for scores (n_tested,); draws follow values.

        Mann-Whitney with ties counted half; NaN where a draw holds no positive or no negative.
        """
        aurocs = np.empty((len(self.plan.tested), self._weights.shape[1]))
        for block in self._blocks:
            order = block.negative[np.argsort(scores[block.negative], kind="stable")]
            places = RankPlaces.of(scores[block.positive], scores[order])
            wins = places.beaten(summed(self._weights[order])) * self._weights[block.positive]
            won = np.add.reduceat(wins, block.starts, axis=0)
            with np.errstate(invalid="ignore"):
                aurocs[block.columns] = won / block.pairs
        return aurocs

    def _make_blocks(self) -> list[_Block]:
        together: dict[bytes, list[int]] = {}
        sides = list(self.plan.tested.values())
        for column, side in enumerate(sides):
            together.setdefault(side.negative.tobytes(), []).append(column)
        return [self._make_block(np.array(columns)) for columns in together.values()]

    def _make_block(self, columns: NDArray[np.intp]) -> _Block:
        sides = [list(self.plan.tested.values())[column] for column in columns]
        edges = np.cumsum([0, *(len(side.positive) for side in sides)])
        positive = np.searchsorted(self.rows, np.concatenate([side.positive for side in sides]))
        negative = np.searchsorted(self.rows, sides[0].negative)
        ups = np.array([self._weights[positive[a:b]].sum(axis=0) for a, b in pairwise(edges)], dtype=float)
        pairs = ups * self._weights[negative].sum(axis=0)
        return _Block(
            columns=columns,
            starts=edges[:-1],
            positive=positive,
            negative=negative,
            pairs=np.where(pairs > 0, pairs, np.nan),
        )


def intervals(draws: FloatArray) -> FloatArray:
    """Return 95 % intervals (n_cells, 2) of draws (n_cells, n_draws); NaN draws are left out."""
    if np.isfinite(draws).all():
        return np.quantile(draws, [0.025, 0.975], axis=1).T
    return np.array([percentile_interval(row) for row in draws])
