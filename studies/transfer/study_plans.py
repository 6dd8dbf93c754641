"""The transfer matrices that a study's prompts allow."""

from collections.abc import Sequence

import numpy as np

from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.targets import Target
from unsinter.studies.transfer.held_out_splits import values_of
from unsinter.studies.transfer.inputs import Wordings
from unsinter.studies.transfer.plans import (
    HARM_CLASSES,
    KINDS,
    Examples,
    Kind,
    Plan,
    RowIndex,
    category_plans,
    source_plan,
    wording_plan,
)


def study_plans(
    examples: Examples,
    dataset: Dataset,
    wordings: Wordings | None,
    *,
    kinds: Sequence[Kind] = KINDS,
    seed: int,
    min_groups: int,
) -> list[Plan]:
    """Return the matrices that a study's prompts allow; categories where only ``category_held_out`` is asked.

    That matrix is normalised by the diagonal of the first, so both are planned together.
    """
    plans: list[Plan | None] = []
    if {"category", "category_held_out"} & set(kinds):
        categories = values_of("category", dataset)
        plans += (
            category_plans(
                examples,
                categories,
                min_groups=min_groups,
                seed=seed,
                is_within=examples.classes != HARM_CLASSES,
            )
            or []
        )
    if "wording" in kinds and wordings is not None:
        answered = wordings.is_answered
        plans.append(wording_plan(examples, wordings.labels, answered, min_groups=min_groups, seed=seed))
    if "source" in kinds:
        plans.append(source_plan(examples, values_of("source", dataset), min_groups=min_groups, seed=seed))
    return [plan for plan in plans if plan is not None]


def examples_of(dataset: Dataset, present: RowIndex, target: Target | None = None) -> Examples:
    """Return the arrays of a dataset that plans are made from; ``target`` has two classes, None is D."""
    is_present = np.zeros(len(dataset.ids), dtype=bool)
    is_present[present] = True
    return Examples(
        ids=dataset.ids,
        groups=dataset.groups,
        labels=dataset.harm if target is None else target.labels,
        is_test=dataset.is_test,
        is_present=is_present,
        classes=HARM_CLASSES if target is None else (target.order[0], target.order[1]),
    )
