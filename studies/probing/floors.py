"""Floors of a target on the study's own split, scored as the probes are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from unsinter.features.records.text_floor import PENALTIES, PENALTY, FloorKind, floor_scores
from unsinter.studies.data.site_readers import FloatArray
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.types import score
from unsinter.studies.study.run_options import nothing

TEXT_FLOORS: tuple[FloorKind, ...] = get_args(FloorKind)


Option = TypeVar("Option")
Scores: TypeAlias = Callable[[NDArray[np.intp], NDArray[np.intp], Option], FloatArray]
"""Training rows, rows to score and an option, to the scores of the latter."""

Kind = Literal["text", "label", "activation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Held-out scores of one rival of the probes: (n_test,) or (n_test, n_classes), like a probe's.

    Attributes
    ----------
    kind : what it reads: the text, the row's other labels, or activations that understood nothing.
    """

    name: str
    scores: FloatArray
    kind: Kind = "text"


def text_floors(
    target: Target, texts: Sequence[str], rows: Rows, *, on_fit: Callable[[], None] = nothing
) -> list[Floor]:
    """Fit words, characters and length on the training rows and score the held-out rows.

    Penalties are chosen on the inner folds, as a probe's are: a floor that is fitted with less care than the
    probe flatters the probe. ``on_fit`` is called after each of ``n_text_fits(rows)`` fits.
    """
    floors = []
    for kind in TEXT_FLOORS:
        penalty = _choose_penalty(kind, target, texts, rows, on_fit=on_fit)
        scores = _text_scores(kind, target, texts, rows.train, rows.test, penalty=penalty)
        on_fit()
        floors.append(Floor(name=kind, kind="text", scores=scores))
    return floors


def n_text_fits(rows: Rows) -> int:
    """Return how many fits the text floors of a target take, those of the inner folds among them."""
    n_chosen = sum(kind != "length" for kind in TEXT_FLOORS)
    return len(TEXT_FLOORS) + n_chosen * len(PENALTIES) * len(np.unique(rows.inner))


def label_floor(name: str, target: Target, values: NDArray[np.str_], rows: Rows) -> Floor:
    """Score each class by its share in the training rows that have the row's value, say its category.

    Where the wording of a refusal follows the category of harm, the category alone predicts it: a probe that
    does not beat it has shown the category, not the wording. So with refusing and harmfulness.
    """
    classes = np.array(target.order)
    overall = _shares(target.labels[rows.train], classes)
    scores = np.tile(overall, (len(rows.test), 1))
    for value in np.unique(values[rows.test]):
        train = rows.train[values[rows.train] == value]
        if len(train):
            scores[values[rows.test] == value] = _shares(target.labels[train], classes)
    if target.is_binary:
        positive = int(np.flatnonzero(classes == target.classes[1])[0])
        return Floor(name=name, kind="label", scores=scores[:, positive])
    return Floor(name=name, kind="label", scores=scores)


def best_on_inner_folds(
    target: Target,
    rows: Rows,
    options: Sequence[Option],
    scores: Scores[Option],
    *,
    on_fit: Callable[[], None] = nothing,
) -> Option:
    """Return the option whose scores are best on average over the inner folds; of equals, the first."""
    truth = target.labels[rows.train]

    def inner_score(option: Option) -> float:
        values = []
        for fold in np.unique(rows.inner):
            held_out = rows.inner == fold
            predicted = scores(rows.train[~held_out], rows.train[held_out], option)
            values.append(score(target, predicted, truth[held_out])[0])
            on_fit()
        return float(np.mean(values))

    return max(options, key=inner_score)


def _choose_penalty(
    kind: FloorKind, target: Target, texts: Sequence[str], rows: Rows, *, on_fit: Callable[[], None]
) -> float:
    if kind == "length":
        return PENALTY  # two numbers a text: no penalty of these changes their ranking

    def scores(train: NDArray[np.intp], test: NDArray[np.intp], penalty: float) -> FloatArray:
        return _text_scores(kind, target, texts, train, test, penalty=penalty)

    return best_on_inner_folds(target, rows, PENALTIES, scores, on_fit=on_fit)


def _text_scores(
    kind: FloorKind,
    target: Target,
    texts: Sequence[str],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    *,
    penalty: float,
) -> FloatArray:
    """Score the positive class, or each of the sorted classes; one the training rows lack scores lowest."""
    order = target.order
    y = [order.index(label) if label else None for label in target.labels]
    floor = floor_scores(texts, y, train=train, test=test, kind=kind, penalty=penalty)
    if target.is_binary:
        return floor.decision
    scores = np.full((len(test), len(order)), -np.inf)
    for column, code in enumerate(floor.classes):
        scores[:, int(str(code))] = floor.probabilities[:, column]
    return scores


def _shares(labels: NDArray[np.str_], classes: NDArray[np.str_]) -> FloatArray:
    return (labels[:, None] == classes[None]).mean(axis=0)
