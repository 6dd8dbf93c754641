"""One pair made ready for its verdicts: rows, blocks of comparison, labellings, obstacles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.studies.separation.comparison import (
    FIRST,
    SECOND,
    WHERE_NOT_SECOND,
    WHERE_SECOND,
    Comparison,
)
from unsinter.studies.separation.directions import CrossFit, Design
from unsinter.studies.separation.pair import CELLS, Pair, cell_codes
from unsinter.studies.separation.rule import Rule

_LEAST_PER_FOLD = 2
"""Groups per fold that the cells where the factors agree must hold, to train on all four cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """The factors over the rows of a pair, as observed or as imputed: codes 0 and 1 (n,)."""

    z: NDArray[np.integer]
    w: NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A pair over its own rows.

    Attributes
    ----------
    labellings : one, or as many as are imputed.
    strata : (n,) codes from 0, the last one for rows without a category; None where none is held fixed.
    unnamed : (n,) rows without a category: they train, and are compared with no other row.
    """

    pair: Pair
    rows: NDArray[np.intp]
    labellings: Sequence[Labelling]
    strata: NDArray[np.intp] | None
    unnamed: NDArray[np.bool_]

    @property
    def groups(self) -> NDArray[np.generic]:
        """Independent units of the rows (n,)."""
        return self.pair.groups[self.rows]

    def designs(self) -> list[Design]:
        """Return what directions are fitted to and tested by: one per labelling, or one per factor of it."""
        found = []
        for labelling in self.labellings:
            cells, asked = cell_codes(labelling.z, labelling.w), self.comparisons(labelling)
            if not self.is_finer:
                found.append(Design(cells=cells, strata=self.strata, comparisons=asked))
                continue
            for finer, own in (
                (self.pair.first_within, [c for c in asked if c.probe != SECOND]),
                (self.pair.second_within, [c for c in asked if c.probe == SECOND]),
            ):
                held = [*([] if self.strata is None else [self.strata]), *self._own(finer)]
                strata = self._combined(*held) if held else None
                found.append(Design(cells=cells, strata=strata, comparisons=own))
        return found

    def plain_designs(self) -> list[Design]:
        """Return one design per labelling that compares nothing."""
        return [
            Design(cells=cell_codes(found.z, found.w), strata=self.strata, comparisons=())
            for found in self.labellings
        ]

    def joined(self, fits: Sequence[CrossFit]) -> list[CrossFit]:
        """Return one fit per labelling from those of ``designs``, in the order of ``comparisons``."""
        if not self.is_finer:
            return list(fits)
        return [self._joined(*fits[i : i + 2]) for i in range(0, len(fits), 2)]

    def _joined(self, first: CrossFit, second: CrossFit) -> CrossFit:
        scores = first.scores.copy()
        scores[SECOND] = second.scores[SECOND]
        parts = {True: iter(second.pull), False: iter(first.pull)}
        probes = [comparison.probe for comparison in self.comparisons(self.labellings[0])]
        return CrossFit(scores, np.stack([next(parts[probe == SECOND]) for probe in probes]))

    @property
    def is_finer(self) -> bool:
        """Whether a factor is read with finer labels than the other factor held fixed."""
        return self.pair.first_within is not None or self.pair.second_within is not None

    def comparisons(self, labelling: Labelling) -> list[Comparison]:
        """Return what is compared: each factor with the other held fixed, and where they disagree."""
        z, w = labelling.z, labelling.w
        given_w = self._blocks(w, *self._own(self.pair.first_within))
        given_z = self._blocks(z, *self._own(self.pair.second_within))
        disagree = np.where(z != w, self._blocks(np.zeros_like(z)), -1)
        asked = (
            ("a", FIRST, z, given_w),
            ("b", SECOND, w, given_z),
            ("o_first", FIRST, z, disagree),
            ("o_second", SECOND, w, disagree),
            ("transfer_to_second", WHERE_NOT_SECOND, z, np.where(w == 1, given_w, -1)),
            ("transfer_from_second", WHERE_SECOND, z, np.where(w == 0, given_w, -1)),
        )
        return [
            Comparison(name=name, probe=probe, positive=np.asarray(truth == 1), blocks=blocks)
            for name, probe, truth, blocks in asked
        ]

    def _own(self, finer: NDArray[np.generic] | None) -> list[NDArray[np.generic]]:
        return [] if finer is None else [finer[self.rows]]

    def _blocks(self, *fixed: NDArray[np.generic]) -> NDArray[np.intp]:
        """Return blocks (n,) of rows that share all of ``fixed`` and their stratum; -1 without a stratum."""
        if self.strata is None:
            return self._combined(*fixed)
        return np.where(self.unnamed, -1, self._combined(self.strata, *fixed))

    @staticmethod
    def _combined(*labels: NDArray[np.generic]) -> NDArray[np.intp]:
        """Return codes (n,) from 0 of the combinations of labels that occur."""
        columns = [np.unique(label, return_inverse=True)[1] for label in labels]
        _, codes = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        return np.asarray(codes, dtype=np.intp)


def make_contrast(pair: Pair, rule: Rule) -> Contrast:
    """Return the pair over the rows where both factors are known, with its labellings drawn."""
    rows = pair.rows
    observed = Labelling(z=pair.z[rows], w=pair.w[rows])
    strata, unnamed = _strata(pair, rows)
    return Contrast(
        pair=pair,
        rows=rows,
        labellings=_imputed(pair, observed, rule) or [observed],
        strata=strata,
        unnamed=unnamed,
    )


def find_obstacle(pair: Pair, rule: Rule, groups: NDArray[np.generic] | None = None) -> str | None:
    """Return why this pair can have no verdict, in words; None where it can.

    ``groups`` are independent units of the pair's rows other than its own, near copies put together.
    """
    rows = pair.rows
    z, w = pair.z[rows], pair.w[rows]
    for name, factor in (("first", z), ("second", w)):
        if len(np.unique(factor)) < 2:
            only = (
                f"is {factor[0]} in every row" if len(rows) else "and the second are known together in no row"
            )
            return f"the {name} factor {only}; two values are needed"
    counts = pair.groups_per_cell(groups)
    for name in ("first_only", "second_only"):
        if counts[name] < rule.min_groups:
            return _too_few(name, counts[name], rule.min_groups)
    least = _LEAST_PER_FOLD * rule.n_folds
    for name in ("both", "neither"):
        if counts[name] < least:
            return _too_few(name, counts[name], least)
    if pair.strata is None:
        return None
    held = _held_fixed(pair, rows, groups)
    for name, n_groups in held.items():
        if n_groups < rule.min_groups:
            return f"with category held fixed, {_too_few(name, n_groups, rule.min_groups)}"
    return None


def _too_few(cell: str, found: int, needed: int) -> str:
    told = {
        "both": "both factors are 1",
        "first_only": "only the first factor is 1",
        "second_only": "only the second factor is 1",
        "neither": "neither factor is 1",
    }[cell]
    return f"{found} independent groups where {told}; {needed} are needed"


def _held_fixed(pair: Pair, rows: NDArray[np.intp], groups: NDArray[np.generic] | None) -> dict[str, int]:
    """Return groups per off-diagonal cell in strata that hold both of these cells."""
    assert pair.strata is not None
    strata, cells = pair.strata[rows], pair.cells
    groups = pair.groups[rows] if groups is None else groups
    codes = {name: CELLS.index(name) for name in ("first_only", "second_only")}
    there = [set(strata[cells == code]) for code in codes.values()]
    usable = np.isin(strata, list((there[0] & there[1]) - {""}))
    return {name: len(np.unique(groups[usable & (cells == code)])) for name, code in codes.items()}


def _strata(pair: Pair, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp] | None, NDArray[np.bool_]]:
    if pair.strata is None:
        return None, np.zeros(len(rows), dtype=bool)
    names = pair.strata[rows]
    unnamed = np.asarray(names == "")
    _, codes = np.unique(np.where(unnamed, "\uffff", names), return_inverse=True)
    return codes, unnamed


def _imputed(pair: Pair, observed: Labelling, rule: Rule) -> list[Labelling]:
    """Return labellings drawn from what the true labels may be; none where both are taken as they are.

    A drawn label is the observed one with the probability that it is right. Activations have no say in the
    draw, so errors are never mended, only shown: areas shrink and bands widen (Rubin 1987).
    """
    if pair.z_sure is None and pair.w_sure is None:
        return []
    rng = np.random.default_rng(rule.seed)

    def draw(codes: NDArray[np.integer], sure: tuple[float, float] | None) -> NDArray[np.integer]:
        if sure is None:
            return codes
        flipped = rng.random(len(codes)) > np.where(codes == 1, sure[1], sure[0])
        return np.where(flipped, 1 - codes, codes)

    return [
        Labelling(z=draw(observed.z, pair.z_sure), w=draw(observed.w, pair.w_sure))
        for _ in range(rule.n_imputations)
    ]
