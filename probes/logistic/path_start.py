"""Where the fits of one penalty start: the best point in the plane of the path's last two steps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from unsinter.probes.logistic.point import Point
from unsinter.probes.logistic.vectors import Vectors

_NEWTON_STEPS = 2
_FARTHEST = 6.0
"""How many times a step of the path may be repeated."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """From one penalty's fits to the next one's: weights, intercepts (R,) and logits (R, n)."""

    at: Vectors
    intercept: Tensor
    logits: Tensor

    @classmethod
    def between(cls, before: "PathStep", after: "PathStep") -> "PathStep":
        """Return the step from one stop of the path to another."""
        return cls(
            after.at.minus(before.at), after.intercept - before.intercept, after.logits - before.logits
        )

    @classmethod
    def stop(cls, point: Point) -> "PathStep":
        """Return a copy of where the point stands."""
        return cls(point.at.clone(), point.intercept.clone(), point.logits.clone())


def extrapolate(
    point: Point, steps: list[PathStep], guess: Tensor, *, penalty: float, trial: Tensor
) -> Tensor:
    """Move the point to the best combination of J path steps; return its factors (T, J) float64.

    Newton's method in J unknowns per fit from ``guess`` (T, J). Logits along the steps are known: no
    product with the rows is made. A fit stays where no combination is better. ``trial`` (R, n) is room.
    """
    losses = point.losses
    square = _products(point, steps)
    cross = torch.stack([losses.dots(step.at.coordinates, point.at.images) for step in steps], dim=-1)
    best = point.loss.clone()  # the weights of the point itself count in all values alike
    factors, x = torch.zeros_like(guess), guess
    for number in range(_NEWTON_STEPS + 1):
        loss = _losses_at(point, steps, x, trial)
        value = loss + penalty / 2 * ((square @ x[..., None])[..., 0] * x + 2 * cross * x).sum(dim=1)
        is_better = value < best
        factors = torch.where(is_better[:, None], x, factors)
        best = torch.where(is_better, value, best)
        if number == _NEWTON_STEPS:
            break
        slopes = torch.stack([losses.dots(point.gradient, step.logits) for step in steps], dim=-1)
        slopes += penalty * ((square @ x[..., None])[..., 0] + cross)
        H = losses.hessian(point.gradient, [step.logits for step in steps]) + penalty * square
        sizes = H.diagonal(dim1=-2, dim2=-1)
        H = H + torch.diag_embed(1e-6 * sizes + 1e-12)
        x = (x - torch.linalg.solve(H, slopes[..., None])[..., 0]).clamp(-_FARTHEST, _FARTHEST)
    if not bool((factors == x).all()):
        loss = _losses_at(point, steps, factors, trial)
    _move(point, steps, factors, trial)
    point.loss.copy_(loss)
    point.measure()
    return factors


def _products(point: Point, steps: list[PathStep]) -> Tensor:
    """Return inner products of the steps (T, J, J)."""
    rows = [
        torch.stack([point.losses.dots(a.at.coordinates, b.at.images) for b in steps], dim=-1) for a in steps
    ]
    products = torch.stack(rows, dim=-2)
    return (products + products.transpose(1, 2)) / 2


def _losses_at(point: Point, steps: list[PathStep], x: Tensor, trial: Tensor) -> Tensor:
    trial.copy_(point.logits)
    for j, step in enumerate(steps):
        trial.addcmul_(step.logits, point.losses.spread(x[:, j].to(trial)))
    return point.losses.value_and_gradient(trial, point.gradient)


def _move(point: Point, steps: list[PathStep], x: Tensor, trial: Tensor) -> None:
    point.logits.copy_(trial)
    for j, step in enumerate(steps):
        factors = point.losses.spread(x[:, j].to(trial))
        point.at.add_(step.at, factors)
        point.intercept.add_(step.intercept * factors[:, 0])
