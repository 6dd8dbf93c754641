"""The linear map that a network has to beat on its own validation rows: what reduced inputs may have lost."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.probes.mlp.inputs import Inputs
from unsinter.probes.tasks import Task

_STEPS = 6
"""Conjugate-gradient steps tried; fewer steps shrink more."""

_SLOPES = tuple(2.0**power for power in range(-4, 5))
"""From least-squares scores of 0-1 labels to logits; 4 suits even classes that overlap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearMap:
    """Scores X @ weight.T + bias of raw X: weight (n_out, d_model), bias (n_out,); validation loss, nats."""

    weight: FloatArray
    bias: FloatArray
    loss: float


def linear_map(X: FloatArray, task: Task, validation: BoolArray, inputs: Inputs) -> LinearMap | None:
    """Return the best of a few linear fits of all columns; None without components or rows to check.

    Least squares on the components first, then conjugate gradients on all columns from there (early
    stopping shrinks as a penalty does: Bjoerck 1996, section 7.4). Steps and slope are those of the lowest
    loss on the validation rows; scaler and components are those of the network.

    Parameters
    ----------
    X : (n_examples, d_model).
    validation : (n_examples,) training rows that only check.
    """
    fitted, checking = (np.flatnonzero(task.trains & mask) for mask in (~validation, validation))
    if inputs.basis is None or not len(checking):
        return None
    weights = torch.as_tensor(task.row_weights[fitted] / task.row_weights[fitted].sum()).float()
    targets = _targets(np.asarray(task.codes)[fitted], task.n_classes)
    share = weights @ targets
    root = weights.sqrt()[:, None]
    A, checked = (root * _standard(X[fitted], inputs), _standard(X[checking], inputs))
    b = root * (targets - share)
    prior = share.clamp(1e-6, 1 - 1e-6)
    offset = (prior / (1 - prior)).log() if len(prior) == 1 else prior.log()
    truth = torch.as_tensor(np.asarray(task.codes, dtype=np.int64)[checking])
    own = torch.as_tensor(task.row_weights[checking]).float()
    best: tuple[float, Tensor, float] | None = None
    for W in _path(A, b, torch.as_tensor(inputs.basis).float()):
        scores = checked @ W
        for slope in _SLOPES:
            loss = float(own @ _losses(slope * scores + offset, truth) / own.sum())
            if best is None or loss < best[0]:
                best = loss, W, slope
    assert best is not None
    weight = best[2] * best[1].double().numpy().T / inputs.scale
    return LinearMap(weight=weight, bias=offset.double().numpy() - weight @ inputs.mean, loss=best[0])


def _path(A: Tensor, b: Tensor, basis: Tensor) -> list[Tensor]:
    """Return least-squares weights (d, n_out) after 0, 1, 2, ... steps; every column of b on its own."""
    small = A @ basis
    gram = small.T @ small
    # Not zero even where every column is constant, as at the embedding of a position whose token is fixed.
    ridge = (1e-3 * gram.diagonal().mean()).clamp_min(1e-12) * torch.eye(len(gram))
    W = basis @ torch.linalg.solve(gram + ridge, small.T @ b)
    maps = [W]
    left = b - A @ W
    gradient = A.T @ left
    direction, square = gradient, gradient.square().sum(0)
    for _ in range(_STEPS):
        along = A @ direction
        step = square / along.square().sum(0).clamp_min(1e-30)
        W = W + step * direction
        left = left - step * along
        maps.append(W)
        gradient = A.T @ left
        before, square = square, gradient.square().sum(0)
        direction = gradient + square / before.clamp_min(1e-30) * direction
    return maps


def _targets(codes: NDArray[np.integer], n_classes: int) -> Tensor:
    """Return 0-1 labels (n, 1) of class 1 for two classes, else (n, n_classes)."""
    known = np.eye(n_classes, dtype=np.float32)[codes]
    return torch.from_numpy(known[:, 1:] if n_classes == 2 else known)


def _standard(X: FloatArray, inputs: Inputs) -> Tensor:
    fine = X.astype(np.promote_types(X.dtype, np.float32), copy=False)
    centred = fine - inputs.mean.astype(fine.dtype)
    centred *= (1 / inputs.scale).astype(fine.dtype)
    return torch.from_numpy(centred.astype(np.float32, copy=False))


def _losses(logits: Tensor, codes: Tensor) -> Tensor:
    if logits.shape[1] == 1:
        return softplus(logits[:, 0] * (1 - 2 * codes))
    return cross_entropy(logits, codes, reduction="none")
