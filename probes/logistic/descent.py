"""Preconditioned L-BFGS on many convex fits at once; each has its own steps, memory and end.

References
----------
Nocedal & Wright (2006), Numerical Optimization, chapter 7.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from unsinter.probes.logistic.line_search import Line, search
from unsinter.probes.logistic.memory import PAIRS, CurvaturePair, Memory, dots
from unsinter.probes.logistic.point import Point
from unsinter.probes.logistic.spaces import Moving
from unsinter.probes.logistic.stopping import Stopping, extrapolated, gap_bound, intercept_part

_CURVATURES = (1e-5, 0.5)
"""Range of the mean curvature of a loss per squared logit."""

_STALLS = 3
"""Steps without a decrease that the arithmetic can show after which a fit has nothing left to gain."""

_SOLVED = 0.01
"""Share of what may be left that the intercepts' slopes may make up before these are solved for."""

_NEAR = 100.0
"""How many times the tolerance the weights' part of the bound may be where intercepts begin to matter."""


class Room:
    """Arrays that every descent of a path works in.

    Parameters
    ----------
    point : at whose fits the descents start.
    """

    def __init__(self, point: Point) -> None:
        n = len(point.intercept)
        self.trial = torch.empty_like(point.logits)
        self.line = torch.zeros_like(point.logits)
        self.gradient, self.before, self.q, self.d = (point.space.zeros(n) for _ in range(4))
        self.pairs = [(point.space.zeros(n), point.space.zeros(n)) for _ in range(PAIRS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How T fits ended: iterations, whether by the tolerance, and the bound on what is left; each (T,)."""

    n_iter: Tensor
    converged: Tensor
    bound: Tensor


class Descent:
    """Minimise loss + penalty / 2 |weights|^2 from ``point``, in place.

    Parameters
    ----------
    curvature : (T,) mean curvature per squared logit, float64; renewed by every step, in place.
    trace : (T,) of each fit's weighted second moments. baseline : (T,) objective without weights.
    """

    def __init__(
        self, point: Point, room: Room, *, curvature: Tensor, trace: Tensor, baseline: Tensor, penalty: float
    ) -> None:
        self.whole, self.point, self.penalty = point, point, penalty
        self.fits = slice(0, point.losses.n_fits)
        self.curvature, self.trace, self.baseline = curvature, trace, baseline
        self.memory = Memory(room.pairs)
        self.trial, self.line_logits = room.trial, room.line
        self.gradient, self.before, self.q, self.d = room.gradient, room.before, room.q, room.d
        self.slopes = self.slopes_before = point.gradient.sum(dim=1)
        self.step_b = torch.zeros_like(self.slopes)
        self.step = torch.zeros_like(baseline)
        self.is_moving = torch.ones_like(baseline, dtype=torch.bool)
        self.stalls, self.excess = torch.zeros_like(baseline), torch.full_like(baseline, torch.inf)
        self.history = [point.value(penalty)]
        self.task = Moving.of(point.losses, self.is_moving)

    def run(self, stopping: Stopping) -> End:
        """Descend until every fit has ended."""
        T, device = self.point.losses.n_fits, self.baseline.device
        end = End(
            n_iter=torch.zeros(T, dtype=torch.long, device=device),
            converged=torch.zeros(T, dtype=torch.bool, device=device),
            bound=torch.full((T,), torch.inf, dtype=torch.float64, device=device),
        )
        for iteration in range(stopping.max_iter + 1):
            point = self.point
            self.slopes = point.gradient.sum(dim=1)
            point.space.gradient(
                point.gradient, point.at, self.gradient, penalty=self.penalty, task=self.task
            )
            self._assess(end, stopping, iteration)
            if not bool(self.is_moving.any()):
                break
            self._narrow()
            self.task = Moving.of(self.point.losses, self.is_moving)
            if iteration:
                self._remember()
            self._advance(stopping)
        return end

    def _assess(self, end: End, stopping: Stopping, iteration: int) -> None:
        """Note fits that end here, and take them out of those that move."""
        value = self.point.value(self.penalty)
        square = self.point.losses.dots(self.gradient.coordinates, self.gradient.images).clamp_min(0)
        bound = gap_bound(self.point, square, penalty=self.penalty, trace=self.trace)
        likely, tolerance = extrapolated(self.history), stopping.tolerance
        self.excess = square / (2 * self.penalty * stopping.allowed(self.penalty) * value)
        is_near = (bound <= stopping.allowed(self.penalty) * value) | (likely <= tolerance * value)
        # Where little is gained over the intercepts, a share of the objective says nothing of the scores.
        gain = (self.baseline - value).clamp_min(0)
        is_done = is_near & (torch.minimum(bound, likely) <= (tolerance * gain).clamp_min(self._blind(value)))
        is_over = is_done | (self.stalls >= _STALLS) | (iteration == stopping.max_iter)
        new = self.is_moving & is_over
        bounds = end.bound[self.fits]
        bounds.copy_(torch.where(self.is_moving, bound, bounds))
        end.n_iter[self.fits] += self.is_moving & ~is_over
        end.converged[self.fits] |= new & is_near
        self.is_moving = self.is_moving & ~is_over

    def _blind(self, value: Tensor) -> Tensor:
        return torch.finfo(self.trial.dtype).eps * value.abs()

    def _narrow(self) -> None:
        """Leave out fits at either end that no longer move."""
        alive = torch.nonzero(self.is_moving)[:, 0]
        fits = slice(int(alive[0]), int(alive[-1]) + 1)
        if fits == slice(0, self.point.losses.n_fits):
            return
        losses = self.point.losses
        rows = losses.rows(fits)
        self.memory.narrow(losses, fits)
        self.point = self.point.narrowed(fits)
        self.fits = slice(self.fits.start + fits.start, self.fits.start + fits.stop)
        for name in ("curvature", "trace", "baseline", "step", "is_moving", "stalls", "excess"):
            setattr(self, name, getattr(self, name)[fits])
        for name in ("trial", "line_logits", "slopes", "slopes_before", "step_b"):
            setattr(self, name, getattr(self, name)[rows])
        for name in ("gradient", "before", "q", "d"):
            setattr(self, name, getattr(self, name).narrowed(rows))
        self.history = [value[fits] for value in self.history]

    def _remember(self) -> None:
        """Make a pair of the last step, and renew the curvature by it."""
        losses, t = self.point.losses, self.step
        step, change = self.memory.free()
        step.scaled_(self.d, losses.spread(-t.to(self.trial)))
        change.difference_(self.gradient, self.before)
        change_b = self.slopes - self.slopes_before
        shown = dots(losses, change, step, change_b, self.step_b)
        length = losses.dots(step.coordinates, step.images)
        seen = losses.mean_square(self.line_logits) * t**2
        is_usable = (t > 0) & (shown > 1e-10 * seen.clamp_min(1e-30))
        inverse = torch.where(is_usable, 1 / torch.where(is_usable, shown, 1.0), 0.0)
        ratio = ((shown - self.penalty * length) / seen.clamp_min(1e-30)).clamp(*_CURVATURES)
        self.curvature.copy_(torch.where(is_usable, ratio, self.curvature))
        self.memory.pairs.append(CurvaturePair(step, change, self.step_b, change_b, inverse))

    def _advance(self, stopping: Stopping) -> None:
        """Take a step along the quasi-Newton direction, and solve for intercepts that matter."""
        point, losses, penalty = self.point, self.point.losses, self.penalty
        d_b = self.memory.direction(
            (self.gradient, self.slopes),
            point.space.directions,
            curvature=self.curvature,
            penalty=penalty,
            losses=losses,
            out=(self.q, self.d),
        )
        point.space.logits(self.d, d_b, task=self.task, out=self.line_logits)
        line = Line(
            logits=self.line_logits,
            slope=-dots(losses, self.d, self.gradient, d_b, self.slopes),
            cross=losses.dots(self.d.coordinates, point.at.images),
            square=losses.dots(self.d.coordinates, self.d.images),
        )
        value = point.value(penalty)
        self.step = search(point, line, self.is_moving, penalty=penalty, trial=self.trial)
        factors = losses.spread(-self.step.to(self.trial))
        point.at.add_(self.d, factors)
        self.step_b = d_b * factors[:, 0]
        point.intercept.add_(self.step_b)
        point.logits.copy_(self.trial)
        point.measure()
        self._solve_intercepts(stopping)
        reached = point.value(penalty)
        self.stalls = torch.where(value - reached > self._blind(value), 0.0, self.stalls + 1)
        self.history = [*self.history, reached][-11:]
        self.gradient, self.before = self.before, self.gradient
        self.slopes_before = self.slopes

    def _solve_intercepts(self, stopping: Stopping) -> None:
        """Solve for intercepts whose slopes would make up much of what may be left at the end."""
        point = self.point
        own, shift = intercept_part(point, trace=self.trace)
        value = point.value(self.penalty)
        may = stopping.tolerance * torch.minimum(value, (self.baseline - value).clamp_min(0))
        is_close = self.is_moving & (self.excess < _NEAR)
        is_due = is_close & (own + shift.square() / (2 * self.penalty) > _SOLVED * may)
        if bool(is_due.any()):
            self.step_b = self.step_b + point.solve_intercepts(is_due, self.trial)
