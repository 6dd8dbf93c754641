"""What one site gives every contrast of a family: likeness of rows, directions, effects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.contrasts.contrast import Contrast
from unsinter.studies.separation.contrasts.directions import CrossFit, cross_fitted
from unsinter.studies.separation.effects.design import SplitWeights
from unsinter.studies.separation.effects.gram import PARTS_PER_FOLD, Effects, cross_validated_effects
from unsinter.studies.separation.effects.residual_metric import Coordinates, coordinates
from unsinter.studies.separation.inputs.column_units import in_float32_range
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.site.fit_rows import RowFamily
from unsinter.studies.separation.site.kinship import (
    FEWEST_DIMENSIONS,
    N_PARTS,
    equal_rows,
    find_kin,
    joined_groups,
)
from unsinter.studies.separation.site.likeness_leaks import Likeness, leaks_of_likeness
from unsinter.studies.separation.site.obstacles import find_obstacle

NO_INVERSE = (np.linalg.LinAlgError, torch.linalg.LinAlgError)  # type: ignore[attr-defined]
"""What linear algebra raises where rows leave a matrix without an inverse: no reason to end a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyFit:
    """What one site gives a family.

    Attributes
    ----------
    fits, effects : per contrast; None where an obstacle stands in the way.
    obstacles : per contrast, what stands in the way at this site; None where nothing does.
    groups : (n,) as used here.
    order : (n,) rows in an order that depends on the activations alone.
    folds : (n_splits, n) as used here.
    share_merged : of rows with near copies in other groups, where these were put together; else zero.
    """

    fits: Sequence[CrossFit | None]
    effects: Sequence[Effects | None]
    obstacles: Sequence[Reason | None]
    groups: NDArray[np.intp]
    order: NDArray[np.intp]
    folds: NDArray[np.intp]
    share_merged: float = 0.0


def n_fit_parts(rule: Rule) -> int:
    """Return how many parts a fit has at most: two searches for kin, directions, effects, and effects with
    relatives on one side. Which of them are needed, the rows decide."""
    return 2 * N_PARTS + rule.n_folds + PARTS_PER_FOLD * rule.n_folds * (rule.n_splits + 1)


def fit_family(X: FloatArray, family: RowFamily, rule: Rule) -> FamilyFit:
    """Fit every contrast of a family to activations X (n, d) of its rows.

    Where many rows are near copies of rows in other groups, such groups are put together first: a probe
    would else be tested on what it has seen. Where rows of different groups still carry the same labels
    because they are alike, nothing is said.
    """
    X = in_float32_range(X)
    n_contrasts = len(family.contrasts)
    if not np.ptp(X, axis=0).any():
        return _nothing(family, [Reason("same-activations")] * n_contrasts)
    try:
        return _fitted(X, family, rule)
    except NO_INVERSE:
        return _nothing(family, [Reason("no-inverse")] * n_contrasts)


def _fitted(X: FloatArray, family: RowFamily, rule: Rule) -> FamilyFit:
    """Return what activations X (n, d), float32, give; raises one of ``NO_INVERSE``."""
    n_contrasts = len(family.contrasts)
    sites = coordinates(X)
    order = family.order
    kin = find_kin(sites, family.kind_columns, family.groups)
    copies = np.concatenate([kin.copies, equal_rows(X, family.groups), family.copies])
    share = len(np.unique(copies)) / len(X)
    merged = share > rule.near_copies
    groups = joined_groups(family.groups, copies) if merged else family.groups
    obstacles = [_obstacle(contrast, groups, share if merged else 0.0, rule) for contrast in family.contrasts]
    nearest = find_kin(sites, family.kind_columns, groups).nearest if merged else kin.nearest
    kept = [contrast for contrast, obstacle in zip(family.contrasts, obstacles, strict=True) if not obstacle]
    splits = family.splits
    if splits is None or merged or len(kept) < n_contrasts:
        folds = family.dealt(groups, order, rule)
        splits = SplitWeights([contrast.effect_design for contrast in kept], folds)
    fits = _directions(X, kept, splits.folds[0])
    effects = _effects(sites, family, kept, groups, splits)
    leaks: list[Reason | None] = [None] * len(kept)
    if kin.n_dimensions >= FEWEST_DIMENSIONS:
        leaks = leaks_of_likeness(
            sites, family, kept, effects, Likeness(groups=groups, nearest=nearest), rule
        )
    fitted = iter(zip(fits, effects, leaks, strict=True))
    results = [(None, None, obstacle) if obstacle else next(fitted) for obstacle in obstacles]
    return FamilyFit(
        fits=[None if leak else fit for fit, _, leak in results],
        effects=[None if leak else effect for _, effect, leak in results],
        obstacles=[leak for _, _, leak in results],
        groups=groups,
        order=order,
        folds=splits.folds,
        share_merged=share if merged else 0.0,
    )


def row_order(X: FloatArray) -> NDArray[np.intp] | None:
    """Return the rows of X (n, d) by their length on columns of one scale; None where they are all the same.

    The order depends on no name, unit, origin or place in a table, so nor do the folds that are dealt by it.
    """
    X = in_float32_range(X)
    if not np.ptp(X, axis=0).any():
        return None
    try:
        Y = coordinates(X).Y
    except NO_INVERSE:
        return None
    # In parts: never a second matrix as large as Y.
    lengths = [rows.square().sum(dim=1) for rows in torch.split(Y, 1024)]
    return np.argsort(torch.cat(lengths).numpy(), kind="stable").astype(np.intp)


def _nothing(family: RowFamily, obstacles: list[Reason]) -> FamilyFit:
    nothing = [None] * len(obstacles)
    n = len(family.rows)
    return FamilyFit(
        fits=nothing,
        effects=nothing,
        obstacles=obstacles,
        groups=family.groups,
        order=np.arange(n),
        folds=family.folds[None],
    )


def _obstacle(contrast: Contrast, groups: NDArray[np.intp], share: float, rule: Rule) -> Reason | None:
    obstacle = find_obstacle(contrast.pair, rule, groups) if share else None
    return None if obstacle is None else Reason("copies-in-the-way", share=share, why=obstacle)


def _directions(X: FloatArray, contrasts: Sequence[Contrast], folds: NDArray[np.intp]) -> list[CrossFit]:
    designs = [contrast.designs() for contrast in contrasts]
    if not designs:
        return []
    fits = iter(cross_fitted(X, [design for part in designs for design in part], folds))
    return [
        contrast.joined([next(fits) for _ in part]) for contrast, part in zip(contrasts, designs, strict=True)
    ]


def _effects(
    sites: Coordinates,
    family: RowFamily,
    contrasts: Sequence[Contrast],
    groups: NDArray[np.intp],
    splits: SplitWeights,
) -> list[Effects]:
    if not contrasts:
        return []
    return cross_validated_effects(sites, family.kind_columns, splits, family.units(groups))
