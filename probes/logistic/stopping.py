"""When a fit ends: a bound on what is left to gain, and what is asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unsinter.probes.logistic.point import Point

_WINDOW = 5
"""Steps whose decrease is compared with that of as many before."""

_WEAK, _MOST_SLACK = 1e-2, 10.0
"""Penalty below which the tolerance grows as one over its root, and how far: scores there hardly move."""


_USUAL, _MANY_ROWS = 1e-3, 1000


def usual_tolerance(n_rows: int) -> float:
    """Return 1e-3, and less by the square of the training rows where these are fewer than 1,000.

    Held-out AUROC is then within .002 of that of fits solved to the end: of few rows it moves in large steps,
    and fits of few rows cost little.
    """
    return _USUAL * min(1.0, n_rows / _MANY_ROWS) ** 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """When a fit ends.

    Attributes
    ----------
    tolerance : of the relative distance from the least objective.
    max_iter : most iterations per penalty.
    """

    tolerance: float
    max_iter: int

    def allowed(self, penalty: float) -> float:
        """Return the tolerance at a penalty."""
        return self.tolerance * min(max(1.0, (_WEAK / penalty) ** 0.5), _MOST_SLACK)


def gap_bound(point: Point, square: Tensor, *, penalty: float, trace: Tensor) -> Tensor:
    """Return a bound (T,) float64 on how far each objective is above its least.

    The objective is strongly convex in the weights alone: |gradient|^2 / (2 penalty) bounds what is left once
    the intercepts are solved for. What their own slopes s, of least curvature h, may still do is added:
    s^2 / (2 h) by themselves, and |s| (c trace / h)^(1/2) in the weights' gradient, by Schur's complement of
    the Hessian, whose block of the weights is at most c trace + penalty. It holds to first order in a Newton
    step of the intercepts, which ``Point.solve_intercepts`` keeps small.

    Parameters
    ----------
    square : (T,) squared length of the weights' gradient. trace : (T,) of each fit's weighted second moments.
    """
    own, shift = intercept_part(point, trace=trace)
    return (square.sqrt() + shift).square() / (2 * penalty) + own


def intercept_part(point: Point, *, trace: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the intercepts' slopes leave to gain, and what they may add to the gradient; each (T,)."""
    losses = point.losses
    slopes = losses.sums(point.gradient.sum(dim=1).square()).double()
    least = point.least.clamp_min(1e-12)
    return slopes / (2 * least), (slopes * losses.curvature * trace / least).sqrt()


def extrapolated(history: Sequence[Tensor]) -> Tensor:
    """Return what fits (T,) would still gain if they slowed down as they do; infinity at first.

    Aitken's extrapolation of the values of the last steps.
    """
    if len(history) <= 2 * _WINDOW:
        return torch.full_like(history[-1], torch.inf)
    first, middle, last = history[-2 * _WINDOW - 1], history[-_WINDOW - 1], history[-1]
    earlier, later = (first - middle).clamp_min(0), (middle - last).clamp_min(0)
    left = later**2 / (earlier - later).clamp_min(1e-300)
    return torch.where(earlier > later, torch.maximum(left, later), torch.inf)
