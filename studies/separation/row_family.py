"""Contrasts over the same rows: they share folds, factorisations, and what a site gives them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.column_units import in_float32_range
from unsinter.studies.separation.contrast import Contrast, find_obstacle, make_contrast
from unsinter.studies.separation.directions import CrossFit, cross_fitted
from unsinter.studies.separation.folds import deal_groups
from unsinter.studies.separation.near_copies import merge_near_copies
from unsinter.studies.separation.pair import Pair
from unsinter.studies.separation.rule import Rule
from unsinter.studies.separation.text_scores import text_of_rows, text_scores


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFamily:
    """Contrasts that are asked of the same rows.

    Attributes
    ----------
    members : places of their pairs.
    kinds : (n,) codes of the cells of all contrasts together, spread evenly over folds.
    folds : (n,) fold of each row.
    """

    members: Sequence[int]
    contrasts: Sequence[Contrast]
    kinds: NDArray[np.intp]
    folds: NDArray[np.intp]

    @property
    def rows(self) -> NDArray[np.intp]:
        """Rows of the study that take part."""
        return self.contrasts[0].rows


class SiteFit(NamedTuple):
    """What one site gives a family.

    Attributes
    ----------
    fits : per contrast, one per labelling; empty where an obstacle stands in the way.
    obstacles : per contrast, what stands in the way at this site; empty where nothing does.
    groups, folds : (n,) as used here.
    share_merged : of rows with near copies in other groups, where these were put together; else zero.
    """

    fits: Sequence[Sequence[CrossFit]]
    obstacles: Sequence[str]
    groups: NDArray[np.generic]
    folds: NDArray[np.intp]
    share_merged: float = 0.0


def make_families(pairs: Sequence[Pair], obstacles: Sequence[str | None], rule: Rule) -> list[RowFamily]:
    """Return the pairs without an obstacle, by the rows they are asked of, with folds dealt."""
    by_rows: dict[bytes, list[int]] = {}
    for place, (pair, obstacle) in enumerate(zip(pairs, obstacles, strict=True)):
        if obstacle is None:
            by_rows.setdefault(pair.rows.tobytes(), []).append(place)
    families = []
    for places in by_rows.values():
        contrasts = [make_contrast(pairs[place], rule) for place in places]
        cells = np.stack([pairs[place].cells for place in places], axis=1)
        _, kinds = np.unique(cells, axis=0, return_inverse=True)
        folds = deal_groups(contrasts[0].groups, kinds, n_folds=rule.n_folds, seed=rule.seed)
        families.append(RowFamily(members=places, contrasts=contrasts, kinds=kinds, folds=folds))
    return families


def family_text(family: RowFamily) -> list[list[FloatArray]] | None:
    """Return what the text says of each contrast, per labelling; None where no text was given."""
    text = family.contrasts[0].pair.text
    if text is None:
        return None
    own = text_of_rows(text, family.rows)
    designs = [contrast.plain_designs() for contrast in family.contrasts]
    scores = iter(text_scores(own, [design for part in designs for design in part], family.folds))
    return [[next(scores) for _ in part] for part in designs]


def fit_family(X: FloatArray, family: RowFamily, rule: Rule) -> SiteFit:
    """Fit every contrast of a family to activations X (n, d) of its rows.

    Where many rows are near copies of rows in other groups, such groups are put together first: a probe would
    else be tested on what it has seen.
    """
    X = in_float32_range(X)
    contrasts = family.contrasts
    groups, folds = contrasts[0].groups, family.folds
    if not (X.std(axis=0) > 0).any():
        return SiteFit(
            [[]] * len(contrasts),
            ["the activations are the same in every row"] * len(contrasts),
            groups,
            folds,
        )
    merged = merge_near_copies(X, contrasts[0].pair.cells, groups)
    if merged.share <= rule.near_copies:
        return SiteFit(_fits(X, contrasts, folds), [""] * len(contrasts), groups, folds)
    told = f"near copies in other groups put together ({merged.share:.0%} of rows)"
    short = [find_obstacle(contrast.pair, rule, merged.groups) for contrast in contrasts]
    obstacles = [f"{told}: {obstacle}" if obstacle else "" for obstacle in short]
    kept = [contrast for contrast, obstacle in zip(contrasts, obstacles, strict=True) if not obstacle]
    folds = deal_groups(merged.groups, family.kinds, n_folds=rule.n_folds, seed=rule.seed)
    fits = iter(_fits(X, kept, folds))
    return SiteFit(
        [[] if obstacle else next(fits) for obstacle in obstacles],
        obstacles,
        merged.groups,
        folds,
        merged.share,
    )


def _fits(X: FloatArray, contrasts: Sequence[Contrast], folds: NDArray[np.intp]) -> list[list[CrossFit]]:
    designs = [contrast.designs() for contrast in contrasts]
    if not designs:
        return []
    fits = iter(cross_fitted(X, [design for part in designs for design in part], folds))
    return [
        contrast.joined([next(fits) for _ in part]) for contrast, part in zip(contrasts, designs, strict=True)
    ]
