"""Two models that read the same prompts: does the probe of one read the mapped activations of the other?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from unsinter.probes.arrays import FloatArray
from unsinter.probes.metrics import percentile_interval
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.sites import Site
from unsinter.studies.data.splits import outer_split
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.types import score
from unsinter.studies.study.run_options import part_done
from unsinter.studies.tables.transfer_columns import CROSS_MODEL
from unsinter.studies.transfer.plans import Labels, RowIndex

MAP_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Ridge penalties tried, per training row and standardised activation."""

SHUFFLES = 40
"""Shuffled pairings per map: one alone tells little, as its score can lie on either side of chance."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelSide:
    """One model's chosen probe of one target, with the activations it reads.

    Attributes
    ----------
    target : labels of this model: R and W differ between models that read the same prompts.
    site : chosen for this target inside the training rows.
    X : (n_prompts, d_model) activations there; rows that are not present are never read.
    probe : activations (n, d_model) to scores, as ``sweep.score`` takes them.
    is_present : (n_prompts,) rows that have activations.
    """

    model: str
    target: Target
    site: Site
    X: FloatArray
    probe: Callable[[FloatArray], FloatArray]
    is_present: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitPrompts:
    """The study's prompts and its one split: ids, groups, and what is held out, each (n_prompts,)."""

    ids: Labels
    groups: Labels
    is_test: NDArray[np.bool_]


def cross_model_table(
    sides: Sequence[ModelSide],
    prompts: SplitPrompts,
    *,
    bootstrap: Bootstrap,
    penalties: Sequence[float] = MAP_PENALTIES,
    inner_folds: int = 3,
) -> pd.DataFrame:
    """Return the columns of ``CROSS_MODEL``: every ordered pair of models and target that both have.

    A ridge map from one model's activations to the other's is fitted on training prompts that both read; it
    sees no label. The other model's probe reads the mapped activations of held-out prompts.

    Parameters
    ----------
    sides : of one study: the rows of every ``X`` are these prompts.
    bootstrap : of the held-out groups; its seed deals the inner folds and shuffles the pairs too.
    """
    rows, seed, groups = [], bootstrap.seed, prompts.groups
    for start, end in permutations(sides, 2):
        if start.target.name != end.target.name or start.model == end.model:
            continue
        both = start.is_present & end.is_present
        train = np.flatnonzero(both & ~prompts.is_test)
        test = np.flatnonzero(both & prompts.is_test & end.target.defined)
        if len(np.unique(end.target.labels[test])) < 2:
            continue
        ids = prompts.ids[train].tolist()
        split = outer_split(ids, groups[train].tolist(), n_folds=inner_folds, seed=seed)
        pairs = RidgePairs(start.X[train], end.X[train], np.array(split.folds), penalties=penalties)
        rows.append(
            _names(start, end)
            | _scores(end, pairs.map(start.X[test]), test, bootstrap.draws(groups[test]))
            | _control(end, pairs, start.X[test], test, seed=seed)
            | {"r2": pairs.r2(start.X[test], end.X[test]), "penalty": pairs.penalty}
            | {"n_train": len(train), "n_test": len(test)}
        )
        part_done()
    return pd.DataFrame(rows, columns=list(CROSS_MODEL))


class RidgePairs:
    """A linear map between the activations of two models, fitted on paired rows.

    Both sides are standardised with these rows' means and deviations, so that a few very large dimensions do
    not decide the map. The objective is mean squared error + penalty x |map|^2 of the standardised values.

    Parameters
    ----------
    A, B : (n_pairs, d_from), (n_pairs, d_to) activations of the same prompts.
    inner : (n_pairs,) folds that choose among ``penalties`` by squared error.

    Attributes
    ----------
    inner : as given.
    penalty : the one chosen; of equals, the first.
    """

    def __init__(self, A: FloatArray, B: FloatArray, inner: RowIndex, *, penalties: Sequence[float]) -> None:
        self.inner = inner
        folds = [inner == fold for fold in np.unique(inner)] if len(penalties) > 1 else []
        errors = [sum(self._error(A, B, unseen, penalty=p) for unseen in folds) for p in penalties]
        self.penalty = float(penalties[int(np.argmin(errors))])
        self._fit(A, B, self.penalty)

    def map(self, A: FloatArray, *, order: RowIndex | None = None) -> FloatArray:
        """Return the second model's activations (n, d_to) as predicted from the first's (n, d_from).

        ``order`` (n_pairs,) pairs training row i with row ``order[i]`` of the second model instead.
        """
        B = self._B if order is None else self._B[order]
        return self._to.inverse_transform(self._shares(A) @ B)

    def r2(self, A: FloatArray, B: FloatArray) -> float:
        """Return 1 - squared error / squared distance from the training means, over standardised values.

        1 is a perfect map, 0 no better than the mean; below 0 is worse.
        """
        truth = self._to.transform(_double(B))
        return float(1 - ((truth - self._shares(A) @ self._B) ** 2).sum() / (truth**2).sum())

    def _fit(self, A: FloatArray, B: FloatArray, penalty: float) -> None:
        self._from, self._to = (StandardScaler().fit(_double(part)) for part in (A, B))
        self._B = self._to.transform(_double(B))
        # Fitted on one column per training row: its predictions are the share that each of these rows has in
        # the prediction of any other row, whatever the second model says, so other pairings cost one product.
        self._ridge = Ridge(alpha=penalty * len(A), fit_intercept=False)
        self._ridge.fit(self._from.transform(_double(A)), np.eye(len(A)))

    def _shares(self, A: FloatArray) -> FloatArray:
        return self._ridge.predict(self._from.transform(_double(A)))

    def _error(self, A: FloatArray, B: FloatArray, unseen: NDArray[np.bool_], *, penalty: float) -> float:
        self._fit(A[~unseen], B[~unseen], penalty)
        return -self.r2(A[unseen], B[unseen])


def _names(start: ModelSide, end: ModelSide) -> dict[str, Any]:
    return {
        "target": end.target.name,
        "from_model": start.model,
        "from_layer": start.site[0],
        "from_position": start.site[1],
        "to_model": end.model,
        "to_layer": end.site[0],
        "to_position": end.site[1],
        "metric": "auroc" if end.target.is_binary else "macro_f1",
    }


def _scores(end: ModelSide, mapped: FloatArray, test: RowIndex, draws: FloatArray) -> dict[str, Any]:
    scores = end.probe(mapped)
    low, high = percentile_interval(score(end.target, scores, end.target.labels[test], weights=draws))
    value, native = _score(end, scores, test), _score(end, end.probe(end.X[test]), test)
    return {"auroc": value, "low": low, "high": high, "native": native}


def _control(
    end: ModelSide, pairs: RidgePairs, A: FloatArray, test: RowIndex, *, seed: int
) -> dict[str, float]:
    """Score maps of shuffled pairs: where harm is the largest direction, a random map scores far off 0.5."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(pairs.inner)) for _ in range(SHUFFLES)]
    scores = np.array([_score(end, end.probe(pairs.map(A, order=order)), test) for order in orders])
    low, high = percentile_interval(scores)
    return {"shuffled": float(scores.mean()), "shuffled_low": low, "shuffled_high": high}


def _score(end: ModelSide, scores: FloatArray, test: RowIndex) -> float:
    return float(score(end.target, scores, end.target.labels[test])[0])


def _double(X: FloatArray) -> FloatArray:
    return np.asarray(X, dtype=np.float64)
