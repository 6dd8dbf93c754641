"""One task's solved fits, with weights and scores made when they are read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, as_tensor

from unsinter.probes.arrays import FloatArray
from unsinter.probes.logistic.penalty_path import Stop
from unsinter.probes.logistic.shared_scale import SHARE
from unsinter.probes.logistic.stopping import Stopping
from unsinter.probes.logistic.vectors import product
from unsinter.probes.scaling import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFrame:
    """What turns coordinates of a space into weights of columns.

    Attributes
    ----------
    rows : (n,) rows of X that logits were solved on. rest : makes the values of all others, in order.
    values : (n, d) of the row space, whose combinations weights are; None: coordinates are weights.
    inverse, mean : (d,) weights x inverse act on the columns less ``mean``.
    """

    columns: Columns
    rows: NDArray[np.intp]
    rest: Callable[[], Tensor]
    values: Tensor | None
    inverse: FloatArray
    mean: FloatArray


@dataclass(frozen=True, kw_only=True)
class Solution:
    """One task at every penalty.

    Attributes
    ----------
    part : rows of ``stops`` that are this task's. place : the task's number there.
    classes : codes that have training rows; n_classes : of the task. deviation : (d,) of its training rows.
    cost : (d,) of the scale that the task shares with others; zero where it has its own.
    quick_excess : (P,) nats that the scale may cost, a bound without weights.
    """

    stops: Sequence[Stop]
    part: slice
    place: int
    frame: WeightFrame
    classes: NDArray[np.intp]
    n_classes: int
    deviation: FloatArray
    cost: FloatArray
    quick_excess: FloatArray

    @cached_property
    def column_weights(self) -> FloatArray:
        """Weights (P, K, d) of ``columns.values``, float64."""
        own = [self._weights(stop) for stop in self.stops]
        return np.stack(own) * self.frame.inverse

    def _weights(self, stop: Stop) -> FloatArray:
        own = stop.coordinates[self.part]
        weights = own if self.frame.values is None else product(own, self.frame.values)
        return weights.double().cpu().numpy()

    @cached_property
    def offsets(self) -> FloatArray:
        """Intercepts (P, K) that go with ``column_weights``."""
        intercepts = np.stack([stop.intercept[self.part].double().cpu().numpy() for stop in self.stops])
        return intercepts - self.column_weights @ self.frame.mean

    @cached_property
    def objective(self) -> FloatArray:
        """Weighted mean log loss + penalty / 2 x squared weights (P,) in the task's own units, nats."""
        own = np.where(np.isfinite(self.deviation), self.deviation, 0.0)
        square = np.square(self.column_weights * own).sum(axis=(1, 2))
        values = [
            float(stop.loss[self.place]) + stop.penalty / 2 * s
            for stop, s in zip(self.stops, square, strict=True)
        ]
        return np.array(values)

    @cached_property
    def solved(self) -> FloatArray:
        """Objective (P,) in the units that it was solved in, nats."""
        return np.array(
            [float(s.loss[self.place] + s.penalty / 2 * s.square[self.place]) for s in self.stops]
        )

    @cached_property
    def excess(self) -> FloatArray:
        """Bound (P,) on what the shared scale costs, from the weights; nats."""
        if not self.cost.any():
            return np.zeros(len(self.stops))
        inverse = np.where(self.frame.inverse > 0, self.frame.inverse, 1.0)
        square = np.square(self.column_weights / inverse).sum(axis=1)
        return np.array([stop.penalty for stop in self.stops]) / 2 * (square @ self.cost)

    def is_scale_good(self, stopping: Stopping) -> bool:
        """Whether the shared scale may cost no more than its share of the tolerance at any penalty."""
        allowed = np.array([stopping.allowed(stop.penalty) for stop in self.stops]) * self.solved
        return bool((self.quick_excess <= allowed).all() or (self.excess <= SHARE * allowed).all())

    @cached_property
    def certificate(self) -> FloatArray:
        """Bound (P,) on how far the objective is above its least, as a share of the objective.

        The gap of the solved problem and the cost of a shared scale add up like lengths of gradients.
        """
        gap = np.array([float(stop.bound[self.place]) for stop in self.stops])
        bound: FloatArray = (np.sqrt(gap) + np.sqrt(self.excess)) ** 2 / self.solved
        return bound

    @cached_property
    def scores(self) -> FloatArray:
        """Log-odds (P, n) of class 1, or logits (P, n, n_classes), of all rows of X."""
        n = len(self.frame.columns.values)
        logits = np.empty((len(self.stops), self.part.stop - self.part.start, n))
        if len(self.frame.rows) == n:
            for row, stop in zip(logits, self.stops, strict=True):
                row[:] = stop.logits[self.part].cpu().numpy()
        else:
            others = np.ones(n, dtype=bool)
            others[self.frame.rows] = False
            logits[:, :, self.frame.rows] = [stop.logits[self.part].cpu().numpy() for stop in self.stops]
            logits[:, :, others] = self._rest_logits()
        if self.n_classes == 2:
            return logits[:, 0]
        if len(self.classes) == self.n_classes:
            return logits.transpose(0, 2, 1)
        scores = np.full((len(self.stops), n, self.n_classes), -np.inf)
        scores[:, :, self.classes] = logits.transpose(0, 2, 1)
        return scores

    def _rest_logits(self) -> FloatArray:
        """Return logits (P, K, rows) of rows that were not solved on."""
        rest = self.frame.rest()
        flat = as_tensor(self.column_weights.reshape(-1, rest.shape[1])).to(rest)
        logits = product(flat, rest.T).cpu().numpy().reshape(*self.offsets.shape, len(rest))
        return logits + self.offsets[..., None]

    def weights(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Return weights (K, d) and intercepts (K,) on raw activations, float64; see ``GridFit.weights``."""
        columns = self.frame.columns
        raw = self.column_weights[index] / columns.scale
        intercept = self.offsets[index] - raw @ columns.shift
        if self.n_classes == 2:
            return raw, intercept
        full, bias = np.zeros((self.n_classes, raw.shape[1])), np.full(self.n_classes, -np.inf)
        full[self.classes], bias[self.classes] = raw, intercept
        return full, bias
