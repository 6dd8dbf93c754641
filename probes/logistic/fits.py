"""Fits of a call before they are solved: labels, weights, scalers, and their loss on some rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.probes.logistic.log_loss import Block, LogLoss
from unsinter.probes.scaling import Columns, Scalers, fit_scalers
from unsinter.probes.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """T tasks on the rows of one X.

    Attributes
    ----------
    tasks : as the caller made them. classes : of each task, the codes that have training rows.
    n_columns : (T,) columns of logits: one of a task of two classes, else one per class of ``classes``.
    weights : (T, n) float64 that sum to one; zero where a row does not train.
    rule : (T,) number of each task's weights among the distinct ones.
    scalers : of each task's training rows.
    """

    tasks: Sequence[Task]
    classes: Sequence[NDArray[np.intp]]
    n_columns: NDArray[np.intp]
    weights: FloatArray
    rule: NDArray[np.intp]
    scalers: Scalers

    @classmethod
    def of(cls, tasks: Sequence[Task], columns: Columns, *, standardize: bool) -> "Fits":
        """Return the fits of tasks, in their order."""
        weights = np.stack([task.row_weights for task in tasks])
        weights /= weights.sum(axis=1, keepdims=True)
        numbers: dict[bytes, int] = {}
        rule = np.array([numbers.setdefault(own.tobytes(), len(numbers)) for own in weights])
        firsts = np.unique(rule, return_index=True)[1]
        classes = [
            np.unique(np.asarray(task.codes)[own > 0]) for task, own in zip(tasks, weights, strict=True)
        ]
        n_columns = [1 if t.n_classes == 2 else len(c) for t, c in zip(tasks, classes, strict=True)]
        return cls(
            tasks=tasks,
            classes=classes,
            n_columns=np.array(n_columns),
            weights=weights,
            rule=rule,
            scalers=fit_scalers(columns, weights[firsts], standardize=standardize).pick(rule),
        )

    def pick(self, places: NDArray[np.intp]) -> "Fits":
        """Return some of the fits."""
        return Fits(
            tasks=[self.tasks[i] for i in places],
            classes=[self.classes[i] for i in places],
            n_columns=self.n_columns[places],
            weights=self.weights[places],
            rule=self.rule[places],
            scalers=self.scalers.pick(places),
        )

    def sorted(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return places with those of most columns first: the order of the rows of ``losses``."""
        return places[np.argsort(-self.n_columns[places], kind="stable")]

    @property
    def trains(self) -> BoolArray:
        """Rows of X that train any of the fits (n,)."""
        return np.any(self.weights > 0, axis=0)

    def losses(self, rows: NDArray[np.intp], like: torch.Tensor) -> LogLoss:
        """Return the loss on some rows of X, of the type and device of ``like``; the fits must be sorted."""
        blocks = []
        for width in sorted(set(self.n_columns.tolist()), reverse=True):
            own = np.flatnonzero(self.n_columns == width)
            codes = np.stack([self._codes(int(i), rows) for i in own])
            blocks.append(
                Block.of(
                    width,
                    torch.as_tensor(codes, device=like.device, dtype=torch.long),
                    torch.as_tensor(self.weights[own][:, rows]).to(like),
                )
            )
        return LogLoss(blocks)

    def _codes(self, place: int, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return each row's class among those that have training rows; 0 where the row does not train."""
        codes = np.where(self.weights[place, rows] > 0, np.asarray(self.tasks[place].codes)[rows], -1)
        if self.n_columns[place] == 1:
            return np.maximum(codes, 0)
        return np.maximum(np.searchsorted(self.classes[place], codes), 0)
