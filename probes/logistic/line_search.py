"""A step along each fit's direction that lowers its objective enough; no product is made.

References
----------
Nocedal & Wright (2006), Numerical Optimization, algorithm 3.1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from unsinter.probes.logistic.point import Point

_ARMIJO = 1e-4
_HALVINGS = 25
_STEEP = 0.6
"""Share of its slope that a full step may leave; beyond it one secant step is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Weights - t x direction, by its logits and inner products.

    Attributes
    ----------
    logits : (R, n) of the direction with its intercepts.
    slope : (T,) derivative of the objective by t at 0, below zero; float64.
    cross, square : (T,) <weights, direction> and <direction, direction>, float64.
    """

    logits: Tensor
    slope: Tensor
    cross: Tensor
    square: Tensor


def search(point: Point, line: Line, is_moving: Tensor, *, penalty: float, trial: Tensor) -> Tensor:
    """Return steps t (T,) float64; loss and gradient of the point are left at the end of the step.

    Zero for fits at rest, and where nothing between 0 and a full step is lower. ``trial`` (R, n) holds the
    logits there.
    """
    before = point.value(penalty)
    blind = torch.finfo(trial.dtype).eps * before.abs()  # rounded logits cannot show a smaller decrease
    t = is_moving.double()
    has_tried = False
    for _ in range(_HALVINGS):
        value = _evaluate(point, line, t, penalty=penalty, trial=trial)
        if not has_tried:
            has_tried = True
            farther = _secant(point, line, t, is_moving, penalty=penalty)
            if farther is not None:
                t = farther
                continue
        is_enough = (value <= before + _ARMIJO * t * line.slope + blind) | ~is_moving
        if bool(is_enough.all()):
            return t
        t = torch.where(is_enough, t, t / 2)
    t = torch.where(is_enough, t, torch.zeros_like(t))
    _evaluate(point, line, t, penalty=penalty, trial=trial)
    return t


def _evaluate(point: Point, line: Line, t: Tensor, *, penalty: float, trial: Tensor) -> Tensor:
    losses = point.losses
    torch.addcmul(point.logits, line.logits, losses.spread(-t.to(trial)), out=trial)
    point.loss.copy_(losses.value_and_gradient(trial, point.gradient))
    return point.loss + penalty / 2 * (point.square - 2 * t * line.cross + t**2 * line.square)


def _secant(point: Point, line: Line, t: Tensor, is_moving: Tensor, *, penalty: float) -> Tensor | None:
    """Return steps by the slopes at 0 and 1, where that at 1 is far from zero; None where no fit's is."""
    at_one = -point.losses.dots(point.gradient, line.logits) - penalty * (line.cross - line.square)
    is_far = is_moving & (at_one.abs() > _STEEP * line.slope.abs()) & (at_one > 0.95 * line.slope)
    if not bool(is_far.any()):
        return None
    return torch.where(is_far, (line.slope / (line.slope - at_one)).clamp(0.05, 4.0), t)
