"""Scores of two models of one study side by side, and their difference on the prompts of both."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.metrics import auroc, macro_f1, percentile_interval
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.study.targets import definition_of
from unsinter.studies.tables.difference_columns import MODEL_DIFFERENCES

_FEWEST_GROUPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """Held-out scores of one model for one target at one site, by prompt id.

    Attributes
    ----------
    truth, group : (n,) indexed by id, of this model's own labels.
    scores : (n, n_columns), one column of two classes, else one per class.
    """

    row: dict[str, Any]
    truth: "pd.Series[str]"
    group: "pd.Series[str]"
    scores: pd.DataFrame

    def values(self, ids: "pd.Index[str]", weights: FloatArray | None = None) -> FloatArray:
        """Return the score on these prompts for each weighting (n_weightings,)."""
        truth, scores = self.truth.loc[ids].to_numpy(), self.scores.loc[ids]
        if self.row["metric"] == "auroc":
            return auroc(scores.iloc[:, 0].to_numpy(float), truth == scores.columns[0], weights=weights)
        named: LabelArray = scores.columns.to_numpy()[scores.to_numpy().argmax(axis=1)]
        return macro_f1(named.astype(str), truth.astype(str), weights=weights)


def model_differences(
    results: pd.DataFrame, predictions: pd.DataFrame, *, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Return the columns of ``MODEL_DIFFERENCES``: every target that two models share, second minus first.

    Each is compared at the site that its own training rows chose, and at every site that both models have.
    Labels are each model's own: of refusals, those of its own answers. Groups are drawn for both at once, so
    that what two models share does not widen the interval. Targets of other classes are not compared, nor
    shares of sampled answers, of which no two belong together.

    Parameters
    ----------
    results, predictions : tables of a run; rows of tuned probes are left out.
    """
    rows = [
        row
        for target, own in results[~results["tuned"].astype(bool)].groupby("target", sort=False)
        if not definition_of(str(target)).counts_samples
        for first, second in combinations(own["model"].unique(), 2)
        for row in _compared(
            _sites(own, predictions, str(target), first),
            _sites(own, predictions, str(target), second),
            bootstrap,
        )
    ]
    return pd.DataFrame(rows, columns=list(MODEL_DIFFERENCES))


def _sites(results: pd.DataFrame, predictions: pd.DataFrame, target: str, model: str) -> Sequence[_Scored]:
    """Return a model's fits with their held-out scores, the chosen one first."""
    own = predictions[(predictions["target"] == target) & (predictions["model"] == model)]
    by_site = dict(iter(own.groupby(["family", "layer", "position"], sort=False)))
    fits = results[results["model"] == model].sort_values("selected", ascending=False, kind="stable")
    scored = []
    for row in fits.to_dict("records"):
        table = by_site.get((row["family"], row["layer"], row["position"]))
        if table is not None:
            scored.append(_scored(row, table))
    return scored


def _scored(row: dict[str, Any], table: pd.DataFrame) -> _Scored:
    # A tuned probe at the same site has the same keys, and stands below the one of the sweep.
    once = table.drop_duplicates(["id", "class"])
    prompts = once.drop_duplicates("id").set_index("id")
    scores = once.pivot(index="id", columns="class", values="score").loc[prompts.index]
    return _Scored(row=row, truth=prompts["truth"], group=prompts["group"], scores=scores)


def _compared(
    first: Sequence[_Scored], second: Sequence[_Scored], bootstrap: Bootstrap
) -> Iterator[dict[str, Any]]:
    if not first or not second:
        return
    if set(first[0].scores) != set(second[0].scores) or first[0].row["metric"] != second[0].row["metric"]:
        return
    drawn: dict[bytes, FloatArray] = {}  # nearly all sites have the same prompts

    def draws(groups: LabelArray) -> FloatArray:
        key = groups.tobytes()
        if key not in drawn:
            drawn[key] = bootstrap.draws(groups)
        return drawn[key]

    yield from _row("chosen", first[0], second[0], draws)
    there = {(fit.row["layer"], fit.row["position"]): fit for fit in second}
    for fit in first:
        other = there.get((fit.row["layer"], fit.row["position"]))
        if other is not None:
            yield from _row("same", fit, other, draws)


def _row(
    sites: str, first: _Scored, second: _Scored, draw: Callable[[LabelArray], FloatArray]
) -> Iterator[dict[str, Any]]:
    shared = first.truth.index.intersection(second.truth.index)
    groups = first.group.loc[shared].to_numpy().astype(str)
    if len(np.unique(groups)) < _FEWEST_GROUPS:
        return
    one, other = float(first.values(shared)[0]), float(second.values(shared)[0])
    if not np.isfinite([one, other]).all():
        return
    draws = draw(groups)
    low, high = percentile_interval(second.values(shared, draws) - first.values(shared, draws))
    sides = {
        f"{place}_{name}": fit.row[name]
        for place, fit in (("first", first), ("second", second))
        for name in ("model", "layer", "position", "floor")
    }
    yield sides | {
        "target": first.row["target"],
        "sites": sites,
        "metric": first.row["metric"],
        "first_score": one,
        "second_score": other,
        "difference": other - one,
        "low": low,
        "high": high,
        "n": len(shared),
        "groups": len(np.unique(groups)),
    }
