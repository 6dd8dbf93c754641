"""Preconditioned L-BFGS on many convex problems at once; each has its own steps, memory and end.

References
----------
Nocedal & Wright (2006), Numerical Optimization, algorithms 7.4 and 3.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

_ARMIJO = 1e-4
_MEMORY = 20
_HALVINGS = 25
_WINDOW = 5
"""Steps whose decrease is compared with that of as many before."""

_LOOSER = 8.0
"""How much more may be left by extrapolation than by the bound: it rules where penalties are weakest."""

_COMPACT = 0.2
"""Share of finished problems at which they leave the batch: leaving costs a copy."""


class Objective(Protocol):
    """B problems over (B, K, d + 1) variables; the last is the intercept, which is not penalised."""

    @property
    def penalties(self) -> Tensor:
        """(B,)."""

    def logits(self, W: Tensor) -> Tensor:
        """Return the linear part (B, K, n)."""

    def loss(self, logits: Tensor) -> Tensor:
        """Return the unpenalised loss (B,)."""

    def loss_and_gradient(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the unpenalised loss (B,) and its gradient (B, K, d + 1)."""

    def precondition(self, gradient: Tensor) -> Tensor:
        """Return an approximate inverse Hessian times the gradient."""

    def pick(self, kept: Tensor) -> Self:
        """Return the problems ``kept`` (indices)."""


@dataclass(slots=True, kw_only=True)
class Solution:
    """Where B problems ended: variables, their logits, objective, iterations."""

    W: Tensor
    Z: Tensor
    value: Tensor
    n_iter: Tensor
    converged: Tensor


@dataclass(slots=True)
class _Pair:
    """A step, the change of the gradient along it, and the scale that the two give the preconditioner."""

    s: Tensor
    y: Tensor
    rho: Tensor
    scale: Tensor

    def pick(self, kept: Tensor) -> "_Pair":
        return _Pair(self.s[kept], self.y[kept], self.rho[kept], self.scale[kept])


def minimise(objective: Objective, W: Tensor, Z: Tensor, *, tolerance: float, max_iter: int) -> Solution:
    """Minimise loss + penalty / 2 |W|^2 (intercepts left out) from W (B, K, d + 1) with logits Z (B, K, n).

    A problem has converged when what is left to gain is below ``tolerance`` of the objective: by the bound
    |gradient|^2 / (2 penalty) that strong convexity gives, or, as that bound is loose where the penalty is
    weak, below eight times that by going on as the last steps have slowed down (Aitken's extrapolation).
    """
    n = len(W)
    end = Solution(
        W=W.clone(),
        Z=Z.clone(),
        value=torch.full((n,), torch.inf, dtype=torch.float64, device=W.device),
        n_iter=torch.zeros(n, dtype=torch.long, device=W.device),
        converged=torch.zeros(n, dtype=torch.bool, device=W.device),
    )
    places = torch.arange(n, device=W.device)
    value, gradient = penalised(objective, W, Z)
    history = [value]
    pairs: list[_Pair] = []
    for iteration in range(max_iter + 1):
        direction = -_two_loops(objective, gradient, pairs)
        slope = _dot(gradient, direction)
        bound = _dot(gradient, gradient).double() / (2 * objective.penalties.double())
        done = torch.minimum(bound, _extrapolated(history) / _LOOSER) <= tolerance * value
        finished = done | torch.full_like(done, iteration == max_iter)
        _record(end, places, (W, Z, value), iteration, finished, done)
        if bool(finished.all()):
            return end
        if finished.float().mean() >= _COMPACT:
            kept = torch.nonzero(~finished)[:, 0]
            objective = objective.pick(kept)
            places, W, Z, value = places[kept], W[kept], Z[kept], value[kept]
            gradient, direction, slope = gradient[kept], direction[kept], slope[kept]
            history = [earlier[kept] for earlier in history]
            pairs = [pair.pick(kept) for pair in pairs]
        ZD = objective.logits(direction)
        step = _line_search(_along(objective, W, Z, direction, ZD), value, slope)
        moved = direction * step[:, None, None]
        W, Z = W + moved, Z + ZD * step[:, None, None]
        old = gradient
        value, gradient = penalised(objective, W, Z)
        history = [*history, value][-2 * _WINDOW - 1 :]
        pairs = [*pairs, _pair(objective, moved, gradient - old)][-_MEMORY:]
    raise AssertionError("the last pass returns")


def _extrapolated(history: Sequence[Tensor]) -> Tensor:
    """Return what problems (B,) would still gain if they slowed down as they do; infinity at first."""
    if len(history) <= 2 * _WINDOW:
        return torch.full_like(history[-1], torch.inf)
    earlier = (history[0] - history[_WINDOW]).clamp_min(0)
    later = (history[_WINDOW] - history[-1]).clamp_min(0)
    left = later**2 / (earlier - later).clamp_min(1e-300)
    return torch.where(earlier > later, torch.maximum(left, later), torch.inf)


def penalised(objective: Objective, W: Tensor, Z: Tensor) -> tuple[Tensor, Tensor]:
    """Return the penalised objective (B,) and its gradient (B, K, d + 1)."""
    loss, gradient = objective.loss_and_gradient(Z)
    weights = W[..., :-1]
    gradient[..., :-1] += objective.penalties[:, None, None] * weights
    return loss + objective.penalties.double() / 2 * _dot(weights, weights).double(), gradient


def best_step(
    objective: Objective, W: Tensor, Z: Tensor, D: Tensor, ZD: Tensor, steps: Sequence[float]
) -> Tensor:
    """Return which of ``steps`` along D, whose logits are ZD, is best for each problem (B,)."""
    tried = torch.stack([_along(objective, W, Z, D, ZD)(torch.full((len(W),), s).to(W)) for s in steps])
    return torch.tensor(steps, dtype=W.dtype, device=W.device)[tried.argmin(dim=0)]


def _two_loops(objective: Objective, gradient: Tensor, pairs: Sequence[_Pair]) -> Tensor:
    """Return the inverse Hessian that the pairs tell of times the gradient."""
    q = gradient.clone()
    shares = []
    for pair in reversed(pairs):
        share = pair.rho * _dot(pair.s, q)
        q -= share[:, None, None] * pair.y
        shares.append(share)
    q = objective.precondition(q)
    if pairs:
        q *= pairs[-1].scale[:, None, None]
    for pair, share in zip(pairs, reversed(shares), strict=True):
        q += (share - pair.rho * _dot(pair.y, q))[:, None, None] * pair.s
    return q


def _line_search(at: Callable[[Tensor], Tensor], value: Tensor, slope: Tensor) -> Tensor:
    """Return steps (B,) that decrease each objective, ``at`` a step, enough; zero where none does."""
    blind = torch.finfo(slope.dtype).eps
    step = torch.ones_like(slope)
    for _ in range(_HALVINGS):
        # Rounded logits cannot show a decrease below the last term.
        enough = at(step) <= value + _ARMIJO * step.double() * slope.double() + blind * value.abs()
        if bool(enough.all()):
            return step
        step = torch.where(enough, step, step / 2)
    return torch.where(enough, step, torch.zeros_like(step))


def _along(objective: Objective, W: Tensor, Z: Tensor, D: Tensor, ZD: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the objective (B,) as a function of steps (B,) along D; no logits are made anew."""
    weights, along = W[..., :-1], D[..., :-1]
    half = objective.penalties.double() / 2
    square, cross, long = (
        _dot(a, b).double() for a, b in ((weights, weights), (weights, along), (along, along))
    )

    def value(step: Tensor) -> Tensor:
        t = step.double()
        loss = objective.loss(Z + ZD * step[:, None, None])
        return loss + half * (square + 2 * t * cross + t**2 * long)

    return value


def _pair(objective: Objective, s: Tensor, y: Tensor) -> _Pair:
    """Return a pair that is left out of the memory of problems whose curvature it does not show.

    The curvature bound behind the preconditioner is loose; the pair rescales it by the curvature just seen.
    """
    curvature = _dot(s, y)
    usable = curvature > 1e-10 * _dot(y, y).clamp_min(1e-30)
    one = torch.ones_like(curvature)
    rho = torch.where(usable, 1 / curvature.where(usable, one), torch.zeros_like(curvature))
    bound = _dot(y, objective.precondition(y))
    scale = torch.where(usable & (bound > 0), curvature / bound.where(bound > 0, one), one)
    return _Pair(s, y, rho, scale)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each problem's variables (B,)."""
    return (a * b).flatten(1).sum(dim=1)


def _record(
    end: Solution,
    places: Tensor,
    state: tuple[Tensor, Tensor, Tensor],
    iteration: int,
    finished: Tensor,
    done: Tensor,
) -> None:
    """Note where finished problems stand; those already noted stay at their first end."""
    new = finished & torch.isinf(end.value[places])
    rows = places[new]
    end.W[rows], end.Z[rows], end.value[rows] = (part[new] for part in state)
    end.n_iter[rows], end.converged[rows] = iteration, done[new]
