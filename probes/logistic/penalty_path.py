"""Many logistic fits in one space, solved together from the strongest penalty to the weakest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unsinter.probes.logistic.descent import Descent, Room
from unsinter.probes.logistic.log_loss import LogLoss
from unsinter.probes.logistic.path_start import PathStep, extrapolate
from unsinter.probes.logistic.point import Point
from unsinter.probes.logistic.spaces import Space
from unsinter.probes.logistic.stopping import Stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """T fits at one penalty.

    Attributes
    ----------
    coordinates : (R, m) of the weights in their space. intercept : (R,). logits : (R, n).
    loss, square : (T,) nats and squared weights. bound : (T,) nats that may be left to gain, float64.
    n_iter, converged : (T,).
    """

    penalty: float
    coordinates: Tensor
    intercept: Tensor
    logits: Tensor
    loss: Tensor
    square: Tensor
    bound: Tensor
    n_iter: Tensor
    converged: Tensor


def solve_path(
    losses: LogLoss, space: Space, penalties: Sequence[float], *, trace: Tensor, stopping: Stopping
) -> list[Stop]:
    """Return the fits at every penalty, in the order of ``penalties``.

    Parameters
    ----------
    trace : (T,) of each fit's weighted second moments in the units of the space, float64.
    """
    point = Point.start(losses, space, _prior(losses))
    baseline = point.loss.clone()
    room = Room(point)
    curvature = losses.curvature.clone()
    steps: list[PathStep] = []
    factors = torch.ones(losses.n_fits, 0, dtype=torch.float64, device=trace.device)
    here = before = PathStep.stop(point)
    stops: dict[int, Stop] = {}
    for place in np.argsort(penalties, kind="stable")[::-1]:
        penalty = float(penalties[place])
        if stops:
            steps = [PathStep.between(before, here), *steps[:1]]
            factors = _padded(factors, len(steps))
            factors = extrapolate(point, steps, factors, penalty=penalty, trial=room.trial)
        descent = Descent(point, room, curvature=curvature, trace=trace, baseline=baseline, penalty=penalty)
        end = descent.run(stopping)
        before, here = here, PathStep.stop(point)
        stops[int(place)] = Stop(
            penalty=penalty,
            coordinates=here.at.coordinates,
            intercept=here.intercept,
            logits=here.logits,
            loss=point.loss.clone(),
            square=point.square.clone(),
            bound=end.bound,
            n_iter=end.n_iter,
            converged=end.converged,
        )
    return [stops[place] for place in range(len(penalties))]


def _padded(factors: Tensor, n: int) -> Tensor:
    """Return the last combination as a first guess for n steps: the step itself where there is none."""
    guess = factors.new_zeros(len(factors), n)
    guess[:, 0] = 1.0
    known = min(n, factors.shape[1])
    guess[:, :known] = factors[:, :known]
    return guess


def _prior(losses: LogLoss) -> Tensor:
    """Return the intercepts (R,) of fits without weights: logarithms of the classes' shares."""
    parts = []
    for block in losses.blocks:
        K = max(block.n_columns, 2)
        shares = block.weights.new_zeros(len(block.codes), K).scatter_add_(1, block.codes, block.weights)
        logs = shares.double().clamp_min(1e-12).log()
        own = logs[:, 1:] - logs[:, :1] if block.n_columns == 1 else logs - logs.mean(dim=1, keepdim=True)
        parts.append(own.flatten())
    return torch.cat(parts).to(losses.blocks[0].weights)
