"""Linear families: one affine map, from the batched solver or an estimator of scikit-learn's contract."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from unsinter.probes.arrays import FloatArray, LabelArray, Layers
from unsinter.probes.logistic.grid import GridSolver
from unsinter.probes.mass_mean import MassMeanProbe
from unsinter.probes.ridge import RidgeProbe
from unsinter.probes.tasks import Task

MakeEstimator: TypeAlias = Callable[[float], Any]
"""A penalty to an unfitted estimator; fitted, it has ``classes_``, ``coef_``, ``intercept_`` and
``decision_function`` as ``LogisticProbe``."""


def logistic_solver(X: FloatArray) -> GridSolver:
    """Return the batched solver on X (n_examples, d_model), on a GPU where there is one."""
    return GridSolver(X, device="cuda" if torch.cuda.is_available() else "cpu")


def ridge_solver(X: FloatArray) -> "EstimatorSolver":
    """Return a solver of ``RidgeProbe`` on X (n_examples, d_model)."""
    return EstimatorSolver(X, lambda penalty: RidgeProbe(penalty=penalty))


def mass_mean_solver(X: FloatArray) -> "EstimatorSolver":
    """Return a solver of ``MassMeanProbe`` on X (n_examples, d_model); it has no penalty and no weights."""
    return EstimatorSolver(X, lambda _: MassMeanProbe(), takes_weights=False)


class EstimatorSolver:
    """Solve by scikit-learn's contract, one fit after the other.

    Parameters
    ----------
    X : (n_examples, d_model) activations.
    make : one estimator per penalty.
    takes_weights : whether its ``fit`` takes ``sample_weight``; else rows of weight above zero count once.
    """

    def __init__(self, X: FloatArray, make: MakeEstimator, *, takes_weights: bool = True) -> None:
        self.X = np.asarray(X, dtype=np.float64)
        self.make, self.takes_weights = make, takes_weights

    def fit(self, tasks: Sequence[Task], penalties: Sequence[float]) -> "list[EstimatorFit]":
        """Return one fit per task, each at every penalty."""
        return [
            EstimatorFit(self.X, task, [self._fitted(task, penalty) for penalty in penalties])
            for task in tasks
        ]

    def _fitted(self, task: Task, penalty: float) -> Any:
        rows, estimator = task.trains, self.make(penalty)
        weights = {"sample_weight": task.row_weights[rows]} if self.takes_weights else {}
        return estimator.fit(self.X[rows], np.asarray(task.codes)[rows], **weights)


class EstimatorFit:
    """One task, with the estimator fitted at each penalty."""

    def __init__(self, X: FloatArray, task: Task, estimators: Sequence[Any]) -> None:
        self.task, self.estimators = task, estimators
        self.scores = np.stack([self._scores(index, X) for index in range(len(estimators))])
        self.converged = np.ones(len(estimators), dtype=bool)

    def layers(self, index: int) -> Layers:
        """Return the map on raw activations; a class without training rows scores minus infinity."""
        probe, n_classes = self.estimators[index], self.task.n_classes
        if n_classes == 2:
            return ((np.atleast_2d(probe.coef_), np.atleast_1d(probe.intercept_)),)
        known = np.asarray(probe.classes_)
        return (with_every_class(probe.coef_, probe.intercept_, known=known, n_classes=n_classes),)

    def _scores(self, index: int, X: FloatArray) -> FloatArray:
        if self.task.n_classes == 2:
            return np.asarray(self.estimators[index].decision_function(X))
        ((weight, bias),) = self.layers(index)
        return X @ weight.T + bias


def with_every_class(
    weight: FloatArray, bias: FloatArray, *, known: LabelArray, n_classes: int
) -> tuple[FloatArray, FloatArray]:
    """Return a map with an output for each of more than two classes, from one of the ``known`` codes.

    A class without training rows has weights 0 and intercept minus infinity; one output that told two known
    classes apart becomes one for each, half of it with either sign.
    """
    full_weight = np.zeros((n_classes, weight.shape[1]))
    full_bias = np.full(n_classes, -np.inf)
    if len(known) == 2 and len(weight) == 1:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    full_weight[known], full_bias[known] = weight, bias
    return full_weight, full_bias
