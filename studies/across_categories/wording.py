"""Is the wording of refusals readable on pooled rows, with the category held fixed, across categories?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.probes.logistic.grid import GridSolver
from unsinter.probes.metrics import auroc
from unsinter.probes.tasks import Task
from unsinter.studies.across_categories.intervals import estimate, simultaneous
from unsinter.studies.across_categories.refusals import Refusals
from unsinter.studies.across_categories.rule import AcrossRule
from unsinter.studies.data.estimate import NAN, UNKNOWN, Estimate
from unsinter.studies.reasons.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class WordingEvidence:
    """How well the style of a refusal is read, one style against the rest, averaged over styles.

    Attributes
    ----------
    pooled : AUROC over pairs of refusals of any category.
    within : the same over pairs of one category only, by probes trained with the category held fixed.
    transfer : the same pairs, scored by probes that never saw their category.
    by_wording : ``within`` of each style, with bands that hold for all styles at once.
    category_alone : AUROC over the pooled pairs of each category's share of the style, over these very rows:
        the most that a score which knows the category and nothing else could reach.
    gap : pooled minus within, paired.
    cramers_v : of category and wording, bias-corrected; 1 if one tells the other, 0 if it says nothing.
    n_off_style : groups of the rarer side of a style, summed over categories, in the style with the fewest.
    reason : why nothing was measured; None where it was.
    """

    pooled: Estimate = UNKNOWN
    within: Estimate = UNKNOWN
    transfer: Estimate = UNKNOWN
    category_alone: Estimate = UNKNOWN
    gap: Estimate = UNKNOWN
    by_wording: Mapping[str, Estimate] = field(default_factory=dict)
    cramers_v: float = NAN
    n_off_style: int = 0
    n_refusals: int = 0
    reason: Reason | None = None


def wording_evidence(
    X: FloatArray, refusals: Refusals, *, weights: FloatArray, rule: AcrossRule
) -> WordingEvidence:
    """Cross-fit wording probes and compare what they read with and without the category.

    Parameters
    ----------
    X : (n, d) of all prompts. weights : (n, 1 + n_draws) bootstrap weights of prompts, ones first.
    """
    known = WordingEvidence(
        cramers_v=refusals.cramers_v,
        n_off_style=refusals.n_off_style,
        n_refusals=int(refusals.count.sum()),
        reason=refusals.reason,
    )
    if refusals.reason is not None:
        return known
    X, drawn = X[refusals.prompt], weights[refusals.prompt] * refusals.count[:, None].astype(weights.dtype)
    outside = [refusals.fold != fold for fold in range(rule.n_folds)]
    elsewhere = refusals.outside_each_category()
    pooled = _held_out_scores(X, refusals, outside, pooled_weights, rule.penalty)
    centred = refusals.centred(X)
    both = _held_out_scores(centred, refusals, [*outside, *elsewhere], fixed_weights, rule.penalty)
    within, across = both[:, : rule.n_folds], both[:, rule.n_folds :]

    def aurocs(scores: FloatArray, part: NDArray[np.intp], strata: NDArray[np.intp]) -> dict[str, FloatArray]:
        rows = np.arange(len(part))
        return {
            name: auroc(scores[place, part, rows], refusals.is_of(name), weights=drawn.T, strata=strata)
            for place, name in enumerate(refusals.names)
        }

    cells = refusals.fold * len(elsewhere) + refusals.category
    by_reading = {
        "pooled": aurocs(pooled, refusals.fold, refusals.fold),
        "category": aurocs(_category_scores(refusals), np.zeros_like(refusals.fold), refusals.fold),
        "within": aurocs(within, refusals.fold, cells),
        "transfer": aurocs(across, refusals.category, refusals.category),
    }
    means = {how: np.mean(list(values.values()), axis=0) for how, values in by_reading.items()}
    return WordingEvidence(
        pooled=estimate(means["pooled"], level=rule.level),
        within=estimate(means["within"], level=rule.level),
        transfer=estimate(means["transfer"], level=rule.level),
        category_alone=estimate(means["category"], level=rule.level),
        gap=estimate(means["pooled"] - means["within"], level=rule.level),
        by_wording=simultaneous(by_reading["within"], level=rule.level),
        cramers_v=known.cramers_v,
        n_off_style=known.n_off_style,
        n_refusals=known.n_refusals,
    )


Weigh = Callable[[Refusals, BoolArray, BoolArray], FloatArray]


def pooled_weights(refusals: Refusals, positive: BoolArray, train: BoolArray) -> FloatArray:
    """Return weights (m,) by which both sides count alike in training, whatever their category."""
    weights = np.where(train, refusals.count, 0.0)
    for side in (positive, ~positive):
        weights[side] /= max(weights[side].sum(), 1e-12)
    return weights


def fixed_weights(refusals: Refusals, positive: BoolArray, train: BoolArray) -> FloatArray:
    """Return weights (m,) by which both sides count alike inside every category.

    The category then tells nothing of the side. A category counts n1 n0 / (n1 + n0); with one side only, not.
    """
    weights = np.where(train, refusals.count, 0.0)
    sums = [
        np.bincount(refusals.category, weights=weights * side)[refusals.category]
        for side in (positive, ~positive)
    ]
    other = np.where(positive, sums[1], sums[0])
    fixed: FloatArray = weights * other / np.maximum(sums[0] + sums[1], 1e-12)
    return fixed / max(fixed.sum(), 1e-12)


def _category_scores(refusals: Refusals) -> FloatArray:
    """Return (n_styles, 1, m)."""
    return np.array([[refusals.share_in_category(refusals.is_of(name))] for name in refusals.names])


def _held_out_scores(
    X: FloatArray, refusals: Refusals, parts: list[BoolArray], weigh: Weigh, penalty: float
) -> FloatArray:
    """Return scores (n_styles, n_parts, m) of all rows by the probe trained on each part.

    A part that lacks a side has nothing to say: its scores are zero, which is chance.
    """
    tasks: dict[tuple[int, int], Task] = {}
    for style, name in enumerate(refusals.names):
        positive = refusals.is_of(name)
        for number, train in enumerate(parts):
            weights = weigh(refusals, positive, train)
            if weights[positive].any() and weights[~positive].any():
                codes = positive.astype(np.intp)
                tasks[style, number] = Task(codes=codes, n_classes=2, weights=weights)
    scores = np.zeros((len(refusals.names), len(parts), len(X)))
    if tasks:
        fits = GridSolver(X).fit(list(tasks.values()), [penalty], shares_scale=False)
        for place, fit in zip(tasks, fits, strict=True):
            scores[place] = fit.scores[0]
    return scores
