"""Text floors of a target on the study's own split, scored as the probes are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.features.text_floor import FloorKind, floor_scores
from unsinter.studies.sweep import FloatArray, Rows
from unsinter.studies.targets import Target

TEXT_FLOORS: tuple[FloorKind, ...] = ("words", "characters", "length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Held-out scores of one text-only classifier: (n_test,) or (n_test, n_classes), like a probe's."""

    name: str
    scores: FloatArray


def text_floors(target: Target, texts: Sequence[str], rows: Rows) -> list[Floor]:
    """Fit words, characters and length on the training rows and score the held-out rows."""
    return [Floor(name=kind, scores=_text_floor(kind, target, texts, rows)) for kind in TEXT_FLOORS]


def _text_floor(kind: FloorKind, target: Target, texts: Sequence[str], rows: Rows) -> FloatArray:
    """Score the positive class, or each of the sorted classes; one the training rows lack scores lowest."""
    order = list(target.classes) if target.is_binary else sorted(target.classes)
    y = [order.index(label) if label else None for label in target.labels]
    floor = floor_scores(texts, y, train=rows.train, test=rows.test, kind=kind)
    if target.is_binary:
        return floor.decision
    scores = np.full((len(rows.test), len(order)), -np.inf)
    for column, code in enumerate(floor.classes):
        scores[:, int(str(code))] = floor.probabilities[:, column]
    return scores


def category_floor(target: Target, categories: NDArray[np.str_], rows: Rows) -> Floor:
    """Score each wording by its share in the training rows of the prompt's category or topic.

    Where the wording of a refusal follows the category of harm, this alone predicts it: a probe that does not
    beat it has shown the category, not the wording.
    """
    classes = np.array(sorted(target.classes))
    overall = _shares(target.labels[rows.train], classes)
    scores = np.tile(overall, (len(rows.test), 1))
    for category in np.unique(categories[rows.test]):
        train = rows.train[categories[rows.train] == category]
        if len(train):
            scores[categories[rows.test] == category] = _shares(target.labels[train], classes)
    if target.is_binary:
        positive = int(np.flatnonzero(classes == target.classes[1])[0])
        return Floor(name="category", scores=scores[:, positive])
    return Floor(name="category", scores=scores)


def _shares(labels: NDArray[np.str_], classes: NDArray[np.str_]) -> FloatArray:
    return (labels[:, None] == classes[None]).mean(axis=0)
