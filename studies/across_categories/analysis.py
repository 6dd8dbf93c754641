"""Detached or sintered: is harm one axis over all categories, and is wording apart from the category?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.probes.metrics import group_draws
from unsinter.studies.across_categories.contrast import CategoryContrast, make_contrast
from unsinter.studies.across_categories.data import CategoryData, Labels, check_activations, make_data
from unsinter.studies.across_categories.decision import Decision, decide
from unsinter.studies.across_categories.detection import DetectionEvidence, detection_evidence
from unsinter.studies.across_categories.directions import DirectionEvidence, direction_evidence
from unsinter.studies.across_categories.refusals import Refusals, make_refusals
from unsinter.studies.across_categories.rule import AcrossRule
from unsinter.studies.across_categories.wording import WordingEvidence, wording_evidence
from unsinter.studies.reasons.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrossResult:
    """The answer at one site, and what it rests on.

    Attributes
    ----------
    decision : ``detached``, ``sintered`` or ``cannot tell``; ``reason`` says why: its words as text,
        with the code and the numbers that they are made of.
    directions, detection : of harm across categories; empty, with ``detection_reason``, where too few rows.
    is_matched : harmless rows were of the same topic as the harmful ones they stand against.
    """

    decision: Decision
    reason: Reason
    wording: WordingEvidence
    directions: DirectionEvidence
    detection: DetectionEvidence
    detection_reason: Reason | None
    is_matched: bool
    left_out: tuple[str, ...]
    rule: AcrossRule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AcrossPlan:
    """Everything about a model that does not depend on the site: rows, folds and bootstrap draws.

    Attributes
    ----------
    folds : (n,). weights : (n, 1 + n_draws) of rows, the first column ones.
    """

    data: CategoryData
    contrast: CategoryContrast
    refusals: Refusals
    folds: NDArray[np.intp]
    weights: FloatArray
    rule: AcrossRule


def plan_across(data: CategoryData, rule: AcrossRule | None = None) -> AcrossPlan:
    """Draw folds, equal sizes and bootstrap weights once, for all sites of a model.

    Raises
    ------
    SplitError : there are fewer groups than folds.
    """
    rule = rule or AcrossRule()
    folds = data.folds(n_folds=rule.n_folds, seed=rule.seed)
    draws = group_draws(data.groups, n_draws=rule.n_draws, seed=rule.seed)
    ones = np.ones((1, len(data.groups)))
    return AcrossPlan(
        data=data,
        contrast=make_contrast(data, min_groups=rule.min_groups, seed=rule.seed),
        refusals=make_refusals(data, folds, min_groups=rule.min_groups),
        folds=folds,
        weights=np.ascontiguousarray(np.concatenate([ones, draws]).T, dtype=np.float32),
        rule=rule,
    )


def across_site(X: FloatArray, plan: AcrossPlan) -> AcrossResult:
    """Return the answer at one site; X (n, d_model) holds the rows of the plan, in its order.

    Raises
    ------
    ValueError : X has another shape, or holds NaN or inf.
    """
    X, rule = check_activations(X, len(plan.folds)), plan.rule
    directions, detection = DirectionEvidence(), DetectionEvidence()
    if plan.contrast.reason is None:
        _, numbers = np.unique(plan.data.groups, return_inverse=True)
        directions = direction_evidence(
            X, plan.contrast, numbers, level=rule.level, n_draws=rule.n_draws, seed=rule.seed
        )
        detection = detection_evidence(X, plan.contrast, folds=plan.folds, weights=plan.weights, rule=rule)
    wording = wording_evidence(X, plan.refusals, weights=plan.weights, rule=rule)
    decision, reason = decide(wording, rule)
    return AcrossResult(
        decision=decision,
        reason=reason,
        wording=wording,
        directions=directions,
        detection=detection,
        detection_reason=plan.contrast.reason,
        is_matched=plan.contrast.is_matched,
        left_out=plan.contrast.left_out,
        rule=rule,
    )


def across_categories(
    X: FloatArray,
    harmful: Sequence[int] | NDArray[np.generic],
    *,
    categories: Sequence[str] | Labels,
    wording: Sequence[str] | Labels,
    groups: Sequence[str] | NDArray[np.generic],
    rule: AcrossRule | None = None,
) -> AcrossResult:
    """Return the answer at one site.

    Parameters
    ----------
    X : (n, d_model) activations.
    harmful : (n,) 1, 0, or -1 where unknown.
    categories : (n,) what a prompt is about, harmless ones too where known; empty where unknown.
    wording : (n,) style of the refusal, empty where not refused; or (n, k) for k sampled answers per prompt.
    groups : (n,) what must stay on one side of every split.
    rule : thresholds, and the seed of the split.

    Raises
    ------
    ValueError : lengths differ, labels are not as above, or X holds NaN or inf.
    """
    data = make_data(harmful, categories=categories, wording=wording, groups=groups)
    return across_site(X, plan_across(data, rule))
