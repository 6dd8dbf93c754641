"""Iterative nullspace projection: train a probe, remove what it reads, until a fresh one reads nothing."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.concepts import class_codes, read_concept
from unsinter.probes.erasure import Eraser
from unsinter.probes.metrics import balanced_accuracy
from unsinter.probes.solver import GridSolver
from unsinter.probes.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class NullspaceFit:
    """An eraser and what each round of it read.

    Attributes
    ----------
    eraser : its ``rank`` is the number of directions used.
    accuracy : balanced accuracy on the checking groups before each round, and after the last.
    reached_chance : the last accuracy is within ``margin`` of chance; False where ``max_rank`` ended it.
    """

    eraser: Eraser
    accuracy: tuple[float, ...]
    reached_chance: bool


def fit_nullspace(
    X: FloatArray,
    y: LabelArray,
    *,
    groups: LabelArray | None = None,
    max_rank: int = 64,
    margin: float = 0.02,
    seed: int = 0,
) -> NullspaceFit:
    """Remove the directions of logistic probes, one round after another, by orthogonal projection.

    Two thirds of the groups train the probes and one third says when to stop: more columns than rows are read
    perfectly on the rows that trained, however much was removed.

    Parameters
    ----------
    X : (n_examples, d_model).
    y : (n_examples,) labels of two classes or more; a round of k classes removes k - 1 directions.
    groups : (n_examples,) what stays on one side; None takes rows as independent.
    max_rank : most directions, at least one round's.
    margin : balanced accuracy above 1 / k that counts as chance.

    Raises
    ------
    ValueError : as in ``fit_leace``; training or checking groups lack a class, or ``max_rank`` is too small.

    References
    ----------
    Ravfogel et al. (2020), arXiv:2004.07667.
    """
    concept = read_concept(X, y)
    codes = class_codes(y, len(concept.rows), name="y")
    n_classes = int(codes.max()) + 1
    if max_rank < n_classes - 1:
        raise ValueError(
            f"max_rank must be at least {n_classes - 1}, one round's directions, got {max_rank}."
        )
    train, check = _split(codes, groups, seed=seed)
    basis, accuracy = np.zeros((concept.rows.shape[1], 0)), list[float]()
    while True:
        rows = concept.rows - (concept.rows @ basis) @ basis.T
        coef, predicted = _probe(rows, codes, train)
        accuracy.append(float(balanced_accuracy(predicted[check], codes[check])[0]))
        reached = accuracy[-1] <= 1 / n_classes + margin
        room = min(max_rank, concept.rows.shape[1]) - basis.shape[1]
        if reached or room < n_classes - 1:
            break
        basis = np.column_stack([basis, _new_directions(coef, basis, n=n_classes - 1)])
    eraser = Eraser(left=basis, right=basis.T.copy(), centre=concept.centre)
    return NullspaceFit(eraser=eraser, accuracy=tuple(accuracy), reached_chance=reached)


def _split(codes: LabelArray, groups: LabelArray | None, *, seed: int) -> tuple[LabelArray, LabelArray]:
    """Return rows that train and rows that check; ValueError where either lacks a class."""
    own = np.arange(len(codes)) if groups is None else class_codes(groups, len(codes), name="groups")
    if len(np.unique(own)) < 3:
        raise ValueError(f"groups holds {len(np.unique(own))} groups; a third to check needs at least 3.")
    ((train, check),) = GroupShuffleSplit(1, test_size=1 / 3, random_state=seed).split(codes, groups=own)
    for name, rows in (("training", train), ("checking", check)):
        if len(np.unique(codes[rows])) <= codes.max():
            raise ValueError(f"the {name} groups lack a class of y; give more groups or another seed.")
    return train, check


def _probe(rows: FloatArray, codes: LabelArray, train: LabelArray) -> tuple[FloatArray, LabelArray]:
    """Return coef (1 | n_classes, d) of a class-weighted probe, and its prediction for every row."""
    counts = np.bincount(codes[train])
    weights = np.zeros(len(codes))
    weights[train] = len(train) / (len(counts) * counts[codes[train]])
    task = Task(codes=codes, n_classes=len(counts), weights=weights)
    (fit,) = GridSolver(rows, dtype="float64").fit([task], [1e-2])
    scores = fit.scores[0]
    predicted = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
    return fit.weights(0)[0], predicted


def _new_directions(coef: FloatArray, basis: FloatArray, *, n: int) -> FloatArray:
    """Return the ``n`` strongest directions (d, n) of coef, orthonormal, and orthogonal to the basis."""
    contrasts = coef - coef.mean(axis=0) if len(coef) > 1 else coef
    found = np.linalg.svd(contrasts, full_matrices=False)[2][:n].T
    # A scaler folded into the weights points them back into what is gone already.
    fresh: FloatArray = np.linalg.qr(found - basis @ (basis.T @ found)).Q
    return fresh
