"""Probe families behind one face: tasks and penalties in, scores of all rows and weights out."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.probes.mass_mean import MassMeanProbe
from unsinter.probes.ridge import RidgeProbe
from unsinter.probes.solver import GridSolver
from unsinter.probes.tasks import Task


class Fit(Protocol):
    """One task at every penalty: see ``GridFit``."""

    @property
    def scores(self) -> FloatArray:
        """Scores of all rows at every penalty."""

    @property
    def converged(self) -> NDArray[np.bool_]:
        """At every penalty."""

    def weights(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Return (weight, bias) on raw activations."""


class Solver(Protocol):
    """Fits tasks on the activations of one site."""

    def fit(self, tasks: Sequence[Task], penalties: Sequence[float]) -> Sequence[Fit]:
        """Return one fit per task."""


def make_solver(family: str, X: FloatArray) -> Solver:
    """Return the solver of a family on X (n_examples, d_model); logistic runs on a GPU where there is one."""
    if family == "logistic":
        return GridSolver(X, device="cuda" if torch.cuda.is_available() else "cpu")
    return EstimatorSolver(X, family)


class EstimatorSolver:
    """Solve by scikit-learn's contract, one fit after the other."""

    def __init__(self, X: FloatArray, family: str) -> None:
        self.X = np.asarray(X, dtype=np.float64)
        self.family = family

    def fit(self, tasks: Sequence[Task], penalties: Sequence[float]) -> "list[EstimatorFit]":
        """Return one fit per task."""
        return [EstimatorFit(self.X, task, self.family, penalties) for task in tasks]


class EstimatorFit:
    """One task fitted at every penalty."""

    def __init__(self, X: FloatArray, task: Task, family: str, penalties: Sequence[float]) -> None:
        rows = task.trains
        self.task = task
        y, weights = np.asarray(task.codes)[rows], task.row_weights[rows]
        self.probes = [
            RidgeProbe(penalty=penalty).fit(X[rows], y, sample_weight=weights)
            if family == "ridge"
            else MassMeanProbe().fit(X[rows], y)
            for penalty in penalties
        ]
        self.scores = np.stack([self._scores(probe, X) for probe in self.probes])
        self.converged = np.ones(len(self.probes), dtype=bool)

    def weights(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Return (weight, bias) on raw activations at penalty ``index``; rows of absent classes are empty."""
        probe, task = self.probes[index], self.task
        if task.n_classes == 2:
            return np.atleast_2d(probe.coef_), np.atleast_1d(probe.intercept_)
        weight = np.zeros((task.n_classes, probe.coef_.shape[1]))
        bias = np.full(task.n_classes, -np.inf)
        known = np.asarray(probe.classes_)
        two = len(known) == 2
        weight[known] = np.concatenate([-probe.coef_, probe.coef_]) / 2 if two else probe.coef_
        bias[known] = np.concatenate([-probe.intercept_, probe.intercept_]) / 2 if two else probe.intercept_
        return weight, bias

    def _scores(self, probe: RidgeProbe | MassMeanProbe, X: FloatArray) -> FloatArray:
        if self.task.n_classes == 2:
            return probe.decision_function(X)
        weight, bias = self.weights(self.probes.index(probe))
        return X @ weight.T + bias
