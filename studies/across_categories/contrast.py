"""Which rows stand for each category of harm, and which harmless rows stand against them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unsinter.studies.across_categories.data import CategoryData, RowIndex
from unsinter.studies.reasons.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CategoryContrast:
    """Harmful against harmless, category by category; no row stands in two categories.

    Attributes
    ----------
    positive, negative : rows of each category in a random order, so that the first m are a random draw.
    is_matched : harmless rows are about the same topic; else each category has a random share of them.
    reason : why there is none; then the rest is empty. None where there is one.
    """

    names: tuple[str, ...] = ()
    positive: tuple[RowIndex, ...] = ()
    negative: tuple[RowIndex, ...] = ()
    is_matched: bool = False
    left_out: tuple[str, ...] = ()
    reason: Reason | None = None
    rows: RowIndex = field(default_factory=lambda: np.array([], dtype=np.intp))
    """All rows that take part, ascending."""

    def equal(self) -> list[tuple[RowIndex, RowIndex]]:
        """Return (positive, negative) of each category, as many of each class as the smallest has."""
        n_up, n_down = (min(map(len, side)) for side in (self.positive, self.negative))
        return [(up[:n_up], down[:n_down]) for up, down in zip(self.positive, self.negative, strict=True)]

    def equal_outside(self, held_out: NDArray[np.bool_]) -> list[tuple[RowIndex, RowIndex]]:
        """Return the same among rows that are not held out (held_out: (n,)); others shuffled as before."""
        sides = [[rows[~held_out[rows]] for rows in side] for side in (self.positive, self.negative)]
        n_up, n_down = (min(map(len, side)) for side in sides)
        return [(up[:n_up], down[:n_down]) for up, down in zip(*sides, strict=True)]


def make_contrast(data: CategoryData, *, min_groups: int, seed: int) -> CategoryContrast:
    """Pick categories with enough harmful groups, and harmless rows for each.

    Harmless rows of the same topic are used where every category has enough of them: the direction of a
    category then tells harm, not topic. Otherwise all harmless rows are dealt out at random by group, so that
    no two categories share the sampling noise of their harmless side.
    """
    rng = np.random.default_rng(seed)
    harmful, harmless = data.harmful == 1, data.harmful == 0
    masks = {name: harmful & (data.categories == name) for name in data.known_categories}
    masks = {name: mask for name, mask in masks.items() if mask.any()}
    kept = {name: mask for name, mask in masks.items() if data.n_groups(mask) >= min_groups}
    left_out = tuple(sorted(masks.keys() - kept.keys()))
    if len(kept) < 2:
        return CategoryContrast(left_out=left_out, reason=_too_few(kept, masks, data, min_groups))
    own = {name: harmless & (data.categories == name) for name in kept}
    is_matched = all(data.n_groups(mask) >= min_groups for mask in own.values())
    if not is_matched:
        own = _deal(harmless, data, list(kept), rng)
    fewest = min(data.n_groups(mask) for mask in own.values())
    if fewest < min_groups:
        reason = Reason("too-few-harmless", n=fewest, needed=min_groups)
        return CategoryContrast(left_out=left_out, reason=reason)
    up, down = (tuple(_shuffled(m, rng) for m in side.values()) for side in (kept, own))
    return CategoryContrast(
        names=tuple(kept),
        positive=up,
        negative=down,
        is_matched=is_matched,
        left_out=left_out,
        rows=np.sort(np.concatenate([*up, *down])),
    )


def _deal(
    harmless: NDArray[np.bool_], data: CategoryData, names: list[str], rng: np.random.Generator
) -> dict[str, NDArray[np.bool_]]:
    groups = rng.permutation(np.unique(data.groups[harmless]))
    return {
        name: harmless & np.isin(data.groups, groups[place :: len(names)]) for place, name in enumerate(names)
    }


def _shuffled(mask: NDArray[np.bool_], rng: np.random.Generator) -> RowIndex:
    return rng.permutation(np.flatnonzero(mask))


def _too_few(
    kept: dict[str, NDArray[np.bool_]], masks: dict[str, NDArray[np.bool_]], data: CategoryData, least: int
) -> Reason:
    counts = {name: data.n_groups(masks[name]) for name in sorted(masks)}
    return Reason("too-few-categories", needed=least, n=len(kept), counts=counts)
