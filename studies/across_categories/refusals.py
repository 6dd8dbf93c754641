"""The refusals of a study over categories: one row per prompt and style that its answers took."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.studies.across_categories.data import CategoryData, Labels, RowIndex
from unsinter.studies.data.association import cramers_v
from unsinter.studies.data.estimate import NAN
from unsinter.studies.reasons.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refusals:
    """Refused answers; m rows, one per prompt and style, counted.

    Attributes
    ----------
    prompt, count, category, fold : (m,) row of X; answers of that style; number of the category; fold.
    style : (m,) names of all styles, also rare ones.
    names : styles that are asked about, one against the rest; of two styles one, as the other mirrors it.
    groups : (m,).
    reason : why wording cannot be studied; None where it can.
    """

    prompt: RowIndex
    count: NDArray[np.intp]
    category: NDArray[np.intp]
    fold: NDArray[np.intp]
    style: Labels
    groups: Labels
    names: tuple[str, ...] = ()
    cramers_v: float = NAN
    n_off_style: int = 0
    reason: Reason | None = None

    def is_of(self, name: str) -> BoolArray:
        """Return rows (m,) of a style."""
        return self.style == name

    def centred(self, X: FloatArray) -> FloatArray:
        """Return X (m, d) less the mean refusal of its category; no label of wording takes part."""
        totals = np.zeros((int(self.category.max()) + 1, X.shape[1]))
        np.add.at(totals, self.category, X * self.count[:, None])
        counts = np.bincount(self.category, weights=self.count)[:, None]
        centre: FloatArray = (totals / np.maximum(counts, 1))[self.category]
        return (X - centre).astype(X.dtype)

    def share_in_category(self, positive: BoolArray) -> FloatArray:
        """Return the share (m,) of a style among the refusals of each row's category."""
        hits, total = (np.bincount(self.category, weights=self.count * side) for side in (positive, True))
        share: FloatArray = (hits / np.maximum(total, 1))[self.category]
        return share

    def outside_each_category(self) -> list[BoolArray]:
        """Return, category by category, the rows (m,) of other categories and of groups it does not hold."""
        parts = []
        for code in range(int(self.category.max()) + 1):
            own = np.unique(self.groups[self.category == code])
            parts.append(~np.isin(self.groups, own))
        return parts


def make_refusals(data: CategoryData, folds: NDArray[np.intp], *, min_groups: int) -> Refusals:
    """Collect refusals of known category, and the styles that enough groups take beside others.

    What counts is the rarer side: a category that is always refused in one style cannot tell whether style is
    readable there. Of each style, its groups or the others' are counted in every category, whichever are
    fewer; the sum over categories must reach ``min_groups``.
    """
    known = (data.wordings != "") & (data.categories != "")[:, None]
    prompts, answers = np.nonzero(known)
    styles = data.wordings[prompts, answers]
    names, style = np.unique(styles, return_inverse=True)
    pairs, count = np.unique(np.stack([prompts, style], axis=1), axis=0, return_counts=True)
    prompt = pairs[:, 0].astype(np.intp)
    categories, category = np.unique(data.categories[prompt], return_inverse=True)
    refusals = Refusals(
        prompt=prompt,
        count=count,
        category=category,
        fold=folds[prompt],
        style=names[pairs[:, 1]] if len(names) else np.array([], dtype=np.str_),
        groups=data.groups[prompt],
    )
    return _choose(
        refusals, names, data.categories[prompts], styles, n_categories=len(categories), min_groups=min_groups
    )


def rarer_side(refusals: Refusals, name: str) -> int:
    """Return the groups of a style or of all others, whichever are fewer in a category, summed over these."""
    positive = refusals.is_of(name)
    total = 0
    for code in np.unique(refusals.category):
        here = refusals.category == code
        total += min(len(np.unique(refusals.groups[here & side])) for side in (positive, ~positive))
    return total


def _choose(
    refusals: Refusals,
    names: Labels,
    categories: Labels,
    styles: Labels,
    *,
    n_categories: int,
    min_groups: int,
) -> Refusals:
    scarce = {str(name): rarer_side(refusals, str(name)) for name in names}
    frequent = [name for name, n in scarce.items() if n >= min_groups]
    reason = None
    if len(names) < 2:
        reason = Reason("one-style", style=names[0]) if len(names) else Reason("no-worded-refusals")
    elif n_categories < 2:
        reason = Reason("one-category")
    elif not frequent:
        reason = Reason("too-few-off-style", n=max(scarce.values()), needed=min_groups)
    # A style seen once or twice would add a column and so shrink the measure: it counts no more than here.
    common = np.isin(styles, frequent) if len(frequent) > 1 else np.ones(len(styles), dtype=bool)
    value = cramers_v(categories[common].tolist(), styles[common].tolist())
    return Refusals(
        prompt=refusals.prompt,
        count=refusals.count,
        category=refusals.category,
        fold=refusals.fold,
        style=refusals.style,
        groups=refusals.groups,
        names=() if reason else tuple(frequent[:1] if len(names) == 2 else frequent),
        cramers_v=NAN if value is None else value,
        n_off_style=min((scarce[name] for name in frequent), default=max(scarce.values(), default=0)),
        reason=reason,
    )
