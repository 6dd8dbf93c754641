"""Which rows train each row of a transfer matrix, and which test each of its columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from unsinter.studies.data.splits import LeakageError
from unsinter.studies.study.built_in_targets import HARM

Kind: TypeAlias = Literal["category", "category_held_out", "wording", "source"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Labels: TypeAlias = NDArray[np.str_]
RowIndex: TypeAlias = NDArray[np.intp]

HARM_CLASSES = HARM[False], HARM[True]
"""The classes of D, the positive one last."""

OTHERS = "all others"
SIDE_GROUPS = 5
"""Fewest groups of a category, wording or source on each side of the split: a bootstrap of fewer is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Harmful and harmless rows that train a row of the matrix or test a column."""

    positive: RowIndex
    negative: RowIndex
    borrows: str = ""
    """The class whose rows are shared by all, not the category's, wording's or source's own; or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One transfer matrix before any fit.

    Attributes
    ----------
    trained : name of a row -> its training rows; the same number of each class in every row of the matrix.
    tested : name of a column -> its held-out rows.
    """

    kind: Kind
    trained: Mapping[str, Side]
    tested: Mapping[str, Side]

    @property
    def cells(self) -> list[tuple[str, str]]:
        """(row, column) of every cell; a row of all other categories is tested on the one it lacks."""
        if self.kind == "category_held_out":
            return [(name, name) for name in self.trained]
        return [(row, column) for row in self.trained for column in self.tested]

    def refuse_leakage(self, groups: Labels) -> None:
        """Raise LeakageError where a group (groups: (n_examples,)) both trains and tests."""
        trained, tested = (
            {group for side in sides.values() for group in groups[np.r_[side.positive, side.negative]]}
            for sides in (self.trained, self.tested)
        )
        if shared := sorted(trained & tested):
            raise LeakageError(shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What plans are made from; every array is (n_examples,).

    Attributes
    ----------
    labels : ``harmful``, ``harmless``, or the two classes of another target; empty where unknown.
    is_test : held out by the study's split.
    is_present : has activations.
    """

    ids: Labels
    groups: Labels
    labels: Labels
    is_test: NDArray[np.bool_]
    is_present: NDArray[np.bool_]
    classes: tuple[str, str] = HARM_CLASSES
    """The other class, and the positive one."""

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Rows of the positive class (n_examples,)."""
        return np.asarray(self.labels == self.classes[1])

    @property
    def negative(self) -> NDArray[np.bool_]:
        """Rows of the other class (n_examples,)."""
        return np.asarray(self.labels == self.classes[0])

    def pool(self, mask: NDArray[np.bool_], *, test: bool) -> RowIndex:
        """Return present rows of the mask on one side, by id: the order of a file changes no draw."""
        rows = np.flatnonzero(mask & self.is_present & (self.is_test == test))
        return rows[np.argsort(self.ids[rows], kind="stable")]

    def has_enough(self, mask: NDArray[np.bool_], *, min_groups: int) -> bool:
        """Whether the mask holds ``min_groups`` groups, and a few on each side of the split."""
        train, test = (len(np.unique(self.groups[self.pool(mask, test=side)])) for side in (False, True))
        return train + test >= min_groups and min(train, test) >= SIDE_GROUPS


def category_plans(
    examples: Examples, categories: Labels, *, min_groups: int, seed: int, is_within: bool = False
) -> tuple[Plan, Plan] | None:
    """Plan "category i against harmless" tested on j, and all other categories tested on j.

    Categories (n_examples,) count on harmful rows. All rows of the first matrix see equally many harmful
    examples and the same harmless ones; a row of the second sees that many of each category but one. None
    where fewer than two categories have enough groups.

    Parameters
    ----------
    is_within : categories count on rows of both classes: if every category has enough of the other class,
        it is set against its own, so that the category tells nothing.
    """
    masks = {n: examples.positive & (categories == n) for n in _names(categories[examples.positive])}
    masks = {n: mask for n, mask in masks.items() if examples.has_enough(mask, min_groups=min_groups)}
    own = {n: examples.negative & (categories == n) for n in masks}
    if len(masks) < 2:
        return None
    if is_within and all(examples.has_enough(mask, min_groups=min_groups) for mask in own.values()):
        plan = _plan("category", examples, masks, own, {}, seed=seed)
        return plan, _all_but_one(plan)
    against = {test: examples.pool(examples.negative, test=test) for test in (False, True)}
    if not all(map(len, against.values())):
        return None
    drawn = draw_equally({name: examples.pool(mask, test=False) for name, mask in masks.items()}, seed=seed)
    shared = examples.classes[0]
    tested = {
        name: Side(positive=examples.pool(mask, test=True), negative=against[True], borrows=shared)
        for name, mask in masks.items()
    }
    alone = {n: Side(positive=rows, negative=against[False], borrows=shared) for n, rows in drawn.items()}
    plan = Plan(kind="category", trained=alone, tested=tested)
    return plan, _all_but_one(plan)


def _all_but_one(plan: Plan) -> Plan:
    """Return the plan that trains on the rows of all other categories."""

    def joined(sides: Sequence[Side]) -> Side:
        shared = bool(sides[0].borrows)
        negative = sides[0].negative if shared else np.concatenate([side.negative for side in sides])
        positive = np.concatenate([side.positive for side in sides])
        return Side(positive=positive, negative=negative, borrows=sides[0].borrows)

    trained = {n: joined([side for o, side in plan.trained.items() if o != n]) for n in plan.trained}
    return Plan(kind="category_held_out", trained=trained, tested=plan.tested)


def wording_plan(
    examples: Examples, wordings: Labels, answered: NDArray[np.bool_], *, min_groups: int, seed: int
) -> Plan | None:
    """Plan a target trained on refusals of wording k, tested on refusals of wording k'.

    For D, positives are harmful prompts refused in that wording (wordings: (n_examples,), empty where not
    refused). Negatives are harmless prompts refused in the same wording, if every wording has enough of
    them: then refusing and its words are the same for both classes, and only harm tells them apart. Otherwise
    they are the harmless prompts that were answered, for all wordings (``borrows`` says "harmless"): a probe
    may then read refusing instead of harm, and the matrix still tells whether it reads the wording. For
    another target read its positive class for harmful, and its other class for harmless.
    """
    harmful, harmless = examples.positive, examples.negative
    refused = {name: wordings == name for name in _names(wordings[harmful])}
    refused = {
        n: mask for n, mask in refused.items() if examples.has_enough(mask & harmful, min_groups=min_groups)
    }
    if len(refused) < 2:
        return None
    positive = {n: mask & harmful for n, mask in refused.items()}
    own = {n: mask & harmless for n, mask in refused.items()}
    if all(examples.has_enough(mask, min_groups=min_groups) for mask in own.values()):
        return _plan("wording", examples, positive, own, {}, seed=seed)
    shared = harmless & answered
    if not examples.has_enough(shared, min_groups=min_groups):
        return None
    borrowed = dict.fromkeys(refused, examples.classes[0])
    return _plan("wording", examples, positive, dict.fromkeys(refused, shared), borrowed, seed=seed)


def source_plan(examples: Examples, sources: Labels, *, min_groups: int, seed: int) -> Plan | None:
    """Plan D trained on source i, tested on source j (sources: (n_examples,), empty where unknown).

    A source that lacks harmful or harmless groups borrows that class from all sources, on the same side of
    the split (``borrows`` says which); one that has enough of neither is left out.
    """
    negative, positive = examples.classes
    masks: dict[str, dict[str, NDArray[np.bool_]]] = {positive: {}, negative: {}}
    borrowed = {}
    for name in _names(sources):
        own = {harm: (sources == name) & (examples.labels == harm) for harm in masks}
        has = {harm: examples.has_enough(mask, min_groups=min_groups) for harm, mask in own.items()}
        if any(has.values()):
            borrowed[name] = next((harm for harm in masks if not has[harm]), "")
            for harm in masks:
                masks[harm][name] = own[harm] if has[harm] else examples.labels == harm
    if len(borrowed) < 2:
        return None
    return _plan("source", examples, masks[positive], masks[negative], borrowed, seed=seed)


def draw_equally(pools: Mapping[str, RowIndex], *, seed: int) -> dict[str, RowIndex]:
    """Draw as many rows from every pool as the smallest holds; equal pools give equal draws."""
    size = min(len(pool) for pool in pools.values())
    return {
        name: np.sort(np.random.default_rng(seed).choice(pool, size=size, replace=False))
        for name, pool in pools.items()
    }


def _plan(
    kind: Kind,
    examples: Examples,
    positive: Mapping[str, NDArray[np.bool_]],
    negative: Mapping[str, NDArray[np.bool_]],
    borrowed: Mapping[str, str],
    *,
    seed: int,
) -> Plan:
    sides = []
    for test in (False, True):
        pools = [{n: examples.pool(mask, test=test) for n, mask in m.items()} for m in (positive, negative)]
        up, down = pools if test else (draw_equally(pool, seed=seed) for pool in pools)
        sides.append({n: Side(positive=up[n], negative=down[n], borrows=borrowed.get(n, "")) for n in up})
    return Plan(kind=kind, trained=sides[0], tested=sides[1])


def _names(labels: Iterable[str]) -> list[str]:
    return sorted({str(label) for label in labels} - {""})
