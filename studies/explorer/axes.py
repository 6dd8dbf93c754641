"""Held-out scores of a model's two-class targets at every site, as the axes of a picture."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.probes.families.registry import unit_of
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.study.targets import definition_of, in_order

MOST_POINTS = 20_000
"""Prompts of a model that a page holds; of more it shows this many, drawn by a digest of their ids."""

_BAND = (0.1, 0.5, 0.9)
"""Shares of a class whose scores lie below the lower edge, the middle and the upper edge of its band."""

_UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The held-out scores of one target by one family of probes.

    Attributes
    ----------
    sides : what a prompt of the positive class is called, and one of the other.
    scores : (n_positions, n_layers, n_prompts) float32; NaN where the run has none.
    truth : (n_prompts,) 1 for the positive class, 0 for the other, -1 where no score of the target is.
    thresholds : (n_positions, n_layers) above which the positive class is called; NaN where unknown.
    bands : (n_positions, n_layers, 2, 3) tenth, half and nine tenths of the scores of the other class, then
        of the positive one.
    chosen : place of the layer and of the position that training chose; None where it chose another family's.
    """

    target: str
    family: str
    title: str
    unit: str
    sides: tuple[str, str]
    scores: NDArray[np.float32]
    truth: NDArray[np.int8]
    thresholds: NDArray[np.float64]
    bands: NDArray[np.float64]
    chosen: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAxes:
    """A model's sites, its held-out prompts, and its axes.

    Attributes
    ----------
    ids : (n_prompts,) of prompts held out from at least one of the axes.
    n_held_out : how many these are in the run; more than ``ids`` has where it has more than a page holds.
    """

    layers: Sequence[int]
    positions: Sequence[str]
    ids: Sequence[str]
    n_held_out: int
    axes: Sequence[Axis]

    def title(self, axis: Axis) -> str:
        """Return what an axis is called: its family too where several read the target."""
        several = sum(other.target == axis.target for other in self.axes) > 1
        return axis.title + (f", {axis.family}" if several else "")


def model_axes(evidence: RunEvidence, model: str) -> ModelAxes:
    """Return a model's held-out scores; without axes where it has none of a target of two classes.

    All of them are of probes that never saw the prompt, fitted and chosen on the other side of the split.
    """
    layers, positions = _sites(evidence, model)
    results = _of_sweep(evidence.of("results", model=model))
    scores = evidence.of("predictions", model=model)
    parts = [] if scores.empty else list(_parts(results, scores))
    everyone = list(dict.fromkeys(str(name) for _, _, part in parts for name in part["id"].unique()))
    ids = _some(everyone)
    grid = _Grid(
        layers=pd.Index(layers, dtype="int64"), positions=pd.Index(positions), ids=pd.Index(ids, dtype=object)
    )
    axes = [_axis(evidence, grid, rows, part) for _, rows, part in parts]
    return ModelAxes(layers=layers, positions=positions, ids=ids, n_held_out=len(everyone), axes=axes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """What the axes of a model have in common: places of layers, positions and prompts."""

    layers: pd.Index
    positions: pd.Index
    ids: pd.Index

    def places(self, rows: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the places of the rows' positions and layers."""
        return self.positions.get_indexer(rows["position"]), self.layers.get_indexer(rows["layer"])


def _sites(evidence: RunEvidence, model: str) -> tuple[list[int], list[str]]:
    """Return the layers, and the positions in their order, at which anything was measured in a model."""
    layers, positions = set[int](), dict[str, None]()
    for name in ("results", "verdicts", "transfer"):
        rows = evidence.of(name, model=model)
        if rows.empty:
            continue
        rows = rows[rows["position"].fillna("") != ""]  # words have no site
        layers |= {int(layer) for layer in rows["layer"].unique() if np.isfinite(layer)}
        positions |= dict.fromkeys(str(position) for position in rows["position"].unique())
    return sorted(layers), list(positions)


def _of_sweep(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the probes that were fitted at every site, without the tuned one."""
    if results.empty or "tuned" not in results:
        return results
    return results[~results["tuned"].eq(True).fillna(False)]


def _parts(
    results: pd.DataFrame, scores: pd.DataFrame
) -> Iterator[tuple[tuple[str, str], pd.DataFrame, pd.DataFrame]]:
    """Yield target and family, the results and the scores of each target of two classes."""
    if results.empty:
        return
    scores = scores.dropna(subset=["id", "truth", "class", "layer", "position"])
    for target in in_order(results["target"]):
        own = results[results["target"] == target]
        here = scores[scores["target"] == target]
        if definition_of(target).counts_samples:  # a mark is a prompt, which has one truth
            continue
        if here.empty or here["class"].nunique() != 1:
            continue
        for family in own["family"].unique():
            rows = own[own["family"] == family]
            part = here[here["family"] == family] if "family" in here else here
            # A tuned probe of the same family and site comes after that of the sweep.
            part = part.drop_duplicates(["layer", "position", "id"])
            if len(part):
                yield (target, str(family)), rows, part


def _some(ids: Sequence[str]) -> list[str]:
    """Return the ids that a page holds, in their order."""
    if len(ids) <= MOST_POINTS:
        return list(ids)
    drawn = set(
        sorted(ids, key=lambda name: hashlib.sha256(name.encode("utf-8", "replace")).digest())[:MOST_POINTS]
    )
    return [name for name in ids if name in drawn]


def _axis(evidence: RunEvidence, grid: _Grid, rows: pd.DataFrame, part: pd.DataFrame) -> Axis:
    target, family = str(rows["target"].iloc[0]), str(rows["family"].iloc[0])
    positive = str(part["class"].iloc[0])
    known, is_positive = evidence.target(target), (part["truth"] == positive).to_numpy(dtype=bool)
    shape = (len(grid.positions), len(grid.layers))
    bands = np.full((*shape, 2, len(_BAND)), np.nan)
    for place, site in _by_site(grid, part.assign(is_positive=is_positive)):
        for side in (0, 1):
            own = site.loc[site["is_positive"] == bool(side), "score"].to_numpy(dtype=float)
            own = own[np.isfinite(own)]
            if len(own):
                bands[place][side] = np.quantile(own, _BAND)
    scores = np.full((*shape, len(grid.ids)), np.nan, np.float32)
    truth = np.full(len(grid.ids), _UNKNOWN, np.int8)
    prompts = grid.ids.get_indexer(part["id"].astype(str))
    positions, layers = grid.places(part)
    there = (prompts >= 0) & (positions >= 0) & (layers >= 0)
    thresholds = _thresholds(grid, rows)
    own = _as_called(part["score"].to_numpy(np.float64), thresholds[positions, layers])
    scores[positions[there], layers[there], prompts[there]] = np.where(np.isfinite(own), own, np.nan)[there]
    truth[prompts[there]] = is_positive[there]
    others = [str(name) for name in part["truth"].unique() if str(name) != positive]
    return Axis(
        target=target,
        family=family,
        title=known.title,
        unit=unit_of(family),
        sides=known.factor.sides or (positive, others[0] if len(others) == 1 else f"not {positive}"),
        scores=scores,
        truth=truth,
        thresholds=thresholds,
        bands=bands,
        chosen=_chosen(grid, rows),
    )


def _by_site(grid: _Grid, part: pd.DataFrame) -> Iterator[tuple[tuple[int, int], pd.DataFrame]]:
    positions, layers = grid.places(part)
    for (position, layer), site in part.groupby([positions, layers], sort=True):
        if position >= 0 and layer >= 0:
            yield (int(position), int(layer)), site


def _thresholds(grid: _Grid, rows: pd.DataFrame) -> NDArray[np.float64]:
    thresholds = np.full((len(grid.positions), len(grid.layers)), np.nan)
    if "threshold" in rows:
        thresholds[grid.places(rows)] = rows["threshold"].to_numpy(dtype=float)
    return thresholds


def _as_called(scores: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return scores (n,) in 4 bytes, on the side of their threshold (n,) on which they are in 8."""
    short = scores.astype(np.float32)
    above = scores > thresholds
    strayed = (short > thresholds) != above
    towards = np.where(above, np.inf, -np.inf).astype(np.float32)
    return np.where(strayed, np.nextafter(short, towards), short)


def _chosen(grid: _Grid, rows: pd.DataFrame) -> tuple[int, int] | None:
    picked = rows[rows["selected"].eq(True).fillna(False)]
    if picked["inner_score"].isna().all():
        return None
    positions, layers = grid.places(picked.loc[[picked["inner_score"].idxmax()]])
    return int(layers[0]), int(positions[0])
