"""Contrasts over the same rows: they share folds, factorisations, and what a site gives them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.contrasts.contrast import Contrast, make_contrast
from unsinter.studies.separation.contrasts.text_scores import (
    READERS,
    is_raw_text,
    text_or_features,
    text_scores,
)
from unsinter.studies.separation.effects.design import SplitWeights
from unsinter.studies.separation.inputs.column_units import in_float32_range
from unsinter.studies.separation.inputs.folds import deal_groups
from unsinter.studies.separation.inputs.held_fixed import level_columns
from unsinter.studies.separation.inputs.pair import Pair
from unsinter.studies.separation.inputs.text_copies import text_copies
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.study.run_options import nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFamily:
    """Contrasts that are asked of the same rows.

    Attributes
    ----------
    members : places of their pairs.
    kinds : (n,) codes of the cells of all contrasts together, spread evenly over folds.
    kind_columns : (n, q) indicators of the kinds and all that is held fixed: what they leave is noise.
    copies : (m, 2) pairs of rows of different groups whose texts are nearly the same.
    folds : (n,) fold of each row where only labels and texts are looked at.
    splits : (n_splits, n) folds of activations, and the weights of every contrast's effects in them; None
        until an order of rows is known.
    order : (n,) rows in an order of their own, so that a reordered table is dealt alike.
    """

    members: Sequence[int]
    contrasts: Sequence[Contrast]
    kinds: NDArray[np.intp]
    kind_columns: FloatArray
    copies: NDArray[np.intp]
    folds: NDArray[np.intp]
    order: NDArray[np.intp]
    splits: SplitWeights | None = None

    def of(self, X: FloatArray) -> FloatArray:
        """Return the family's rows of X (n_examples, d): X itself, not a copy, where it has all of them.

        Row after row in memory, as a selection is: products of another layout round otherwise.
        """
        X = np.ascontiguousarray(X)
        return X if np.array_equal(self.rows, np.arange(len(X))) else X[self.rows]

    def ordered(self, order: NDArray[np.intp], rule: Rule) -> "RowFamily":
        """Return the family with its rows dealt to folds in an order (n,) that no table decides."""
        folds = self.dealt(self.groups, order, rule)
        designs = [contrast.effect_design for contrast in self.contrasts]
        return replace(self, order=order, folds=folds[0], splits=SplitWeights(designs, folds))

    def dealt(self, groups: NDArray[np.intp], order: NDArray[np.intp], rule: Rule) -> NDArray[np.intp]:
        """Return the fold of each row (n_splits, n) in every split."""
        return np.stack(
            [
                deal_groups(groups, self.kinds, n_folds=rule.n_folds, seed=rule.seed + split, order=order)
                for split in range(rule.n_splits)
            ]
        )

    def units(self, groups: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return codes (n,) of rows that share group, kind and category, and weigh alike in every
        contrast."""
        strata = self.contrasts[0].strata
        parts = [groups, self.kinds, *([] if strata is None else [strata])]
        _, units = np.unique(np.stack(parts, axis=1), axis=0, return_inverse=True)
        return np.asarray(units.reshape(-1), dtype=np.intp)

    @property
    def rows(self) -> NDArray[np.intp]:
        """Rows of the study that take part."""
        return self.contrasts[0].rows

    @property
    def groups(self) -> NDArray[np.intp]:
        """Codes of the groups of the rows (n,)."""
        return np.unique(self.contrasts[0].groups, return_inverse=True)[1]


def make_families(pairs: Sequence[Pair], obstacles: Sequence[str | None], rule: Rule) -> list[RowFamily]:
    """Return the pairs without an obstacle, by the rows they are asked of, with folds dealt."""
    return [
        _family(places, [make_contrast(pairs[place]) for place in places], rule)
        for places in by_rows(pairs, obstacles)
    ]


def by_rows(pairs: Sequence[Pair], obstacles: Sequence[str | None]) -> list[list[int]]:
    """Return the places of pairs without an obstacle, of each family."""
    places: dict[bytes, list[int]] = {}
    for place, (pair, obstacle) in enumerate(zip(pairs, obstacles, strict=True)):
        if obstacle is None:
            places.setdefault(pair.rows.tobytes(), []).append(place)
    return list(places.values())


def _family(places: list[int], contrasts: list[Contrast], rule: Rule) -> RowFamily:
    cells = np.stack([contrast.cells for contrast in contrasts], axis=1)
    _, kinds = np.unique(cells, axis=0, return_inverse=True)
    kinds = np.asarray(kinds.reshape(-1), dtype=np.intp)
    fixed = max((contrast.fixed_columns for contrast in contrasts), key=lambda columns: columns.shape[1])
    return RowFamily(
        members=places,
        contrasts=contrasts,
        kinds=kinds,
        kind_columns=np.hstack([np.ones((len(kinds), 1)), level_columns(kinds), fixed[:, 1:]]),
        copies=text_copies(contrasts[0].pair.text, contrasts[0].rows, contrasts[0].groups),
        folds=deal_groups(contrasts[0].groups, kinds, n_folds=rule.n_folds, seed=rule.seed),
        order=np.arange(len(kinds)),
    )


def n_text_fits(family: RowFamily) -> int:
    """Return how many times readers of a family's texts are fitted: by fold and kind of n-grams."""
    text = family.contrasts[0].pair.text
    return 0 if text is None or not is_raw_text(text) else len(READERS) * len(np.unique(family.folds))


def family_text(family: RowFamily, *, on_fit: Callable[[], None] = nothing) -> list[FloatArray] | None:
    """Return what readers of the text say of each contrast (2, n_readers, n); None where no text was
    given. ``on_fit`` is called after each of ``n_text_fits(family)`` fits."""
    pair = family.contrasts[0].pair
    if pair.text is None and pair.embedding is None:
        return None
    text = None if pair.text is None else text_or_features(pair.text, family.rows)
    embedding = None if pair.embedding is None else in_float32_range(pair.embedding[family.rows])
    designs = [contrast.plain_design() for contrast in family.contrasts]
    return text_scores(text, embedding, designs, family.folds, rows=family.rows, on_fit=on_fit)
