"""Many logistic fits of one number of classes, solved together from the strongest penalty to the weakest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.probes.arrays import FloatArray
from unsinter.probes.log_loss import LogLoss
from unsinter.probes.quasi_newton import best_step, minimise
from unsinter.probes.scaling import Columns, Scalers
from unsinter.probes.tasks import Task

_COLUMNS = 64
"""Columns of weights solved side by side; the next stretch of penalties starts where this one ended."""

_STEPS = (0.0, 0.3, 0.7, 1.2, 2.0)
"""How far a stretch may go on in the direction of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Fits of T tasks at P penalties, in the order the caller gave them.

    Attributes
    ----------
    objective, n_iter, converged : (T, P).
    scores : (T, P, n) for two classes, else (T, P, n, K).
    W : (T, P, columns, d + 1) weights and intercepts in each task's own standardised units.
    absent : (T, n_classes) classes without training rows.
    """

    objective: FloatArray
    n_iter: NDArray[np.intp]
    converged: NDArray[np.bool_]
    scores: FloatArray
    W: FloatArray
    absent: NDArray[np.bool_]
    columns: Columns
    scalers: Scalers

    def weights(self, task: int, penalty: int) -> tuple[FloatArray, FloatArray]:
        """Return weights (columns, d) and intercepts (columns,) that act on raw activations, float64."""
        W = self.W[task, penalty]
        own = W[:, :-1] / self.scalers.deviation[task]
        raw = own / self.columns.scale
        intercept = W[:, -1] - own @ self.scalers.mean[task] - raw @ self.columns.shift
        if len(W) > 1:
            intercept[self.absent[task]] = -np.inf
        return raw, intercept


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """B fits as ``minimise`` asks for them: variables (B, K, d + 1) in each task's own standardised units.

    Attributes
    ----------
    values : (n, d) shared by all.
    mean, inverse : (B, d) the scalers, in units of ``values``.
    directions, eigenvalues : (d, k) and (k,) of the second moments of ``values``.
    """

    losses: LogLoss
    penalties: Tensor
    values: Tensor
    mean: Tensor
    inverse: Tensor
    directions: Tensor
    eigenvalues: Tensor

    def logits(self, W: Tensor) -> Tensor:
        """Return (B, K, n)."""
        U = W[..., :-1] * self.inverse[:, None]
        offset = W[..., -1] - (U @ self.mean[:, :, None])[..., 0]
        Z = U.flatten(0, 1) @ self.values.T
        return Z.view(*offset.shape, -1).add_(offset[..., None])

    def loss(self, logits: Tensor) -> Tensor:
        """Return weighted mean log loss (B,), nats."""
        return self.losses.value(logits)

    def loss_and_gradient(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss (B,) and its gradient (B, K, d + 1)."""
        value, G = self.losses.value_and_gradient(logits)
        intercept = G.sum(dim=2)
        raw = (G.flatten(0, 1) @ self.values).view(*intercept.shape, -1)
        weights = (raw - self.mean[:, None] * intercept[..., None]) * self.inverse[:, None]
        return value, torch.cat([weights, intercept[..., None]], dim=2)

    def precondition(self, gradient: Tensor) -> Tensor:
        """Divide by the curvature bound c x second moments + penalty, c = 1/4 or 1/2 (Boehning 1992)."""
        bound = 0.25 if self.losses.n_columns == 1 else 0.5
        known = bound * self.eigenvalues + self.penalties[:, None]
        rest = bound * self.eigenvalues[-1] + self.penalties
        weights = gradient[..., :-1]
        turned = (weights.flatten(0, 1) @ self.directions).view(*weights.shape[:2], -1)
        turned *= (1 / known - 1 / rest[:, None])[:, None]
        back = (turned.flatten(0, 1) @ self.directions.T).view_as(weights)
        back += weights / rest[:, None, None]
        return torch.cat([back, gradient[..., -1:] / bound], dim=2)

    def at(self, penalties: FloatArray) -> "Problems":
        """Return all problems at each of the penalties, one penalty after the other."""
        B, P = len(self.penalties), len(penalties)
        repeated = self.pick(torch.arange(B, device=self.values.device).repeat(P))
        return replace(repeated, penalties=torch.as_tensor(np.repeat(penalties, B)).to(self.values))

    def pick(self, kept: Tensor) -> Self:
        """Return the problems ``kept`` (indices)."""
        return replace(
            self,
            losses=self.losses.pick(kept),
            penalties=self.penalties[kept],
            mean=self.mean[kept],
            inverse=self.inverse[kept],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """When a fit ends: at a relative distance ``tolerance`` from the least objective, or at ``max_iter``."""

    tolerance: float
    max_iter: int


def solve_path(
    tasks: Sequence[Task],
    penalties: Sequence[float],
    columns: Columns,
    scalers: Scalers,
    directions: tuple[Tensor, Tensor],
    *,
    stopping: Stopping,
) -> Path:
    """Solve tasks of one number of classes at every penalty, in stretches from strong to weak."""
    K = 1 if tasks[0].n_classes == 2 else tasks[0].n_classes
    T, P = len(tasks), len(penalties)
    rows = np.any([task.trains for task in tasks], axis=0)
    everything = _problems(tasks, rows, columns, scalers, directions)
    path = _empty(tasks, P, K, columns, scalers)
    W = columns.values.new_zeros(T, K, columns.values.shape[1] + 1)
    W[..., -1] = _prior(tasks, K).to(W)
    last = (W, W[..., -1:].expand(-1, -1, int(rows.sum())).clone())
    before = last
    order = np.argsort(penalties)[::-1]
    width = max(1, _COLUMNS // (T * K))
    for stretch in np.split(order, range(width, P, width)):
        problems = everything.at(np.asarray(penalties)[stretch])
        start = _continued(problems, last, before, times=len(stretch))
        minimum = minimise(problems, *start, tolerance=stopping.tolerance, max_iter=stopping.max_iter)
        before, last = last, (minimum.W[-T:], minimum.Z[-T:])
        # Rows that train nothing take no part in the iterations; they are scored once, here.
        Z = minimum.Z if rows.all() else replace(problems, values=columns.values).logits(minimum.W)
        for place, column in enumerate(stretch):
            part = slice(place * T, (place + 1) * T)
            path.objective[:, column] = minimum.value[part].cpu()
            path.n_iter[:, column] = minimum.n_iter[part].cpu()
            path.converged[:, column] = minimum.converged[part].cpu()
            path.scores[:, column] = _scores(Z[part])
            path.W[:, column] = minimum.W[part].cpu().numpy()
    if K > 1:
        path.scores[np.broadcast_to(path.absent[:, None, None], path.scores.shape)] = -np.inf
    return path


def _continued(
    problems: Problems, last: tuple[Tensor, Tensor], before: tuple[Tensor, Tensor], *, times: int
) -> tuple[Tensor, Tensor]:
    """Go on from the last solution in the direction it came from, as far as that helps; logits come along."""
    W, Z = (part.repeat(times, 1, 1) for part in last)
    D, ZD = ((new - old).repeat(times, 1, 1) for new, old in zip(last, before, strict=True))
    step = best_step(problems, W, Z, D, ZD, _STEPS)[:, None, None]
    return W + step * D, Z + step * ZD


def _problems(
    tasks: Sequence[Task],
    rows: NDArray[np.bool_],
    columns: Columns,
    scalers: Scalers,
    directions: tuple[Tensor, Tensor],
) -> Problems:
    device = columns.values.device
    weights = np.stack([task.row_weights[rows] for task in tasks])
    codes = np.stack([np.where(task.trains, task.codes, 0)[rows] for task in tasks])
    n_classes = tasks[0].n_classes
    losses = LogLoss(
        torch.as_tensor(codes, device=device, dtype=torch.long),
        torch.as_tensor(
            weights / weights.sum(axis=1, keepdims=True), device=device, dtype=columns.values.dtype
        ),
        n_classes,
        torch.as_tensor(_absent(tasks), device=device) if n_classes > 2 else None,
    )
    return Problems(
        losses=losses,
        penalties=columns.values.new_ones(len(tasks)),
        values=columns.values if rows.all() else columns.values[torch.as_tensor(rows, device=device)],
        mean=torch.as_tensor(scalers.mean, device=device, dtype=columns.values.dtype),
        inverse=torch.as_tensor(1 / scalers.deviation, device=device, dtype=columns.values.dtype),
        directions=directions[0],
        eigenvalues=directions[1],
    )


def _shares(tasks: Sequence[Task]) -> FloatArray:
    """Return each class's share of the training weight (T, n_classes)."""
    counts = [
        np.bincount(np.where(t.trains, t.codes, 0), weights=t.row_weights, minlength=t.n_classes)
        for t in tasks
    ]
    return np.stack(counts) / np.sum(counts, axis=1, keepdims=True)


def _absent(tasks: Sequence[Task]) -> NDArray[np.bool_]:
    """Return classes without training rows (T, n_classes)."""
    return _shares(tasks) == 0


def _prior(tasks: Sequence[Task], K: int) -> Tensor:
    """Return the intercepts of a fit without weights (T, K): a start near the end."""
    logs = np.log(np.maximum(_shares(tasks), 1e-12))
    return torch.as_tensor(logs[:, 1:] - logs[:, :1] if K == 1 else logs - logs.mean(axis=1, keepdims=True))


def _empty(tasks: Sequence[Task], P: int, K: int, columns: Columns, scalers: Scalers) -> Path:
    n, d = columns.values.shape
    T = len(tasks)
    return Path(
        objective=np.empty((T, P)),
        n_iter=np.empty((T, P), dtype=np.intp),
        converged=np.empty((T, P), dtype=bool),
        scores=np.empty((T, P, n) if K == 1 else (T, P, n, K)),
        W=np.empty((T, P, K, d + 1)),
        absent=_absent(tasks),
        columns=columns,
        scalers=scalers,
    )


def _scores(logits: Tensor) -> FloatArray:
    """Return (T, n) of one column, else (T, n, K)."""
    scores: FloatArray = (logits[:, 0] if logits.shape[1] == 1 else logits.transpose(1, 2)).cpu().numpy()
    return scores
