"""Does an effect live on rows of other groups that are alike, as it does where paraphrases stand in several?

Rows that are alike carry the same labels wherever topics have labels, so agreement alone proves nothing.
What a leak lives on, though, is that relatives of a held-out row train: with every row's nearest one kept
on its side, a leak collapses, and a code that holds for unlike rows stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.contrasts.contrast import Contrast
from unsinter.studies.separation.effects.design import SplitWeights
from unsinter.studies.separation.effects.gram import Effects, cross_validated_effects
from unsinter.studies.separation.effects.residual_metric import Coordinates
from unsinter.studies.separation.inputs.folds import codes_by_occurrence
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.site.fit_rows import RowFamily
from unsinter.studies.separation.site.kinship import excess_agreement, joined_groups

_FEWEST_PER_FOLD = 4
"""Groups of relatives per fold, fewer of which leave nothing to hold out."""

_KEPT = 0.8
"""Share of a squared length that must be left with relatives on one side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Rows, their groups, and which rows of other groups they are like.

    Attributes
    ----------
    groups : (n,) codes of independent groups.
    nearest : (n,) the most alike row of another group.
    """

    groups: NDArray[np.intp]
    nearest: NDArray[np.intp]


def leaks_of_likeness(
    sites: Coordinates,
    family: RowFamily,
    contrasts: Sequence[Contrast],
    effects: Sequence[Effects],
    likeness: Likeness,
    rule: Rule,
) -> list[Reason | None]:
    """Return why a contrast's effects may be those of rows that are alike; None where they are not."""
    groups, nearest = likeness.groups, likeness.nearest
    agreeing = [_agreeing_factors(contrast, groups, nearest, family.order, rule) for contrast in contrasts]
    suspects = [place for place, names in enumerate(agreeing) if names]
    leaks: list[Reason | None] = [None] * len(contrasts)
    if not suspects:
        return leaks
    relatives = joined_groups(groups, np.stack([np.arange(len(nearest)), nearest], axis=1))
    if len(np.unique(relatives)) < _FEWEST_PER_FOLD * rule.n_folds:
        for place in suspects:
            leaks[place] = Reason("alike-rows-hang-together")
        return leaks
    folds = family.dealt(relatives, family.order, rule)[:1]
    splits = SplitWeights([contrasts[place].effect_design for place in suspects], folds)
    apart = cross_validated_effects(sites, family.kind_columns, splits, family.units(relatives))
    for place, without in zip(suspects, apart, strict=True):
        leaks[place] = _collapse(contrasts[place], effects[place], without, agreeing[place], rule)
    return leaks


def _collapse(
    contrast: Contrast, effects: Effects, without: Effects, agreeing: dict[str, float], rule: Rule
) -> Reason | None:
    words = contrast.pair.words
    for form, name in enumerate((words.first, words.second)):
        before, after = float(effects.values[form]), float(without.values[form])
        if before > rule.present and after < _KEPT * before:
            excess, left = max(agreeing.values()), max(after, 0) / before
            return Reason("alike-rows-leak", excess=excess, factor=name, left=left)
    return None


def _agreeing_factors(
    contrast: Contrast,
    groups: NDArray[np.intp],
    nearest: NDArray[np.intp],
    order: NDArray[np.intp],
    rule: Rule,
) -> dict[str, float]:
    """Return the factors whose labels travel along with likeness across groups, and how far they do."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    excesses = {}
    for name, labels, second in (("first", contrast.z, False), ("second", contrast.w, True)):
        excess = excess_agreement(
            labels[order],
            codes_by_occurrence(contrast.blocks(second=second)[order]),
            codes_by_occurrence(groups[order]),
            place[nearest[order]],
            seed=rule.seed,
        )
        if excess is not None:
            excesses[name] = excess
    return excesses
