"""What quasi-Newton steps remember of the curvature, and the direction they make of it.

References
----------
Nocedal & Wright (2006), Numerical Optimization, algorithm 7.4.
"""

from dataclasses import dataclass

from torch import Tensor

from unsinter.probes.logistic.log_loss import LogLoss
from unsinter.probes.logistic.spaces import LeadingDirections
from unsinter.probes.logistic.vectors import Vectors

PAIRS = 5
"""Steps remembered; 3 and 8 take as many iterations."""


@dataclass(slots=True)
class CurvaturePair:
    """A step and the change of the gradient along it, with those of the intercept.

    Attributes
    ----------
    inverse : (T,) one over <step, change>; zero for fits whose curvature the pair does not show.
    """

    step: Vectors
    change: Vectors
    step_b: Tensor
    change_b: Tensor
    inverse: Tensor

    def narrowed(self, fits: slice, rows: slice) -> "CurvaturePair":
        """Return the pair of a range of fits."""
        return CurvaturePair(
            self.step.narrowed(rows),
            self.change.narrowed(rows),
            self.step_b[rows],
            self.change_b[rows],
            self.inverse[fits],
        )


def dots(losses: LogLoss, u: Vectors, v: Vectors, u_b: Tensor, v_b: Tensor) -> Tensor:
    """Return <u, v> of each fit (T,) with intercepts (R,), float64."""
    return losses.dots(u.coordinates, v.images) + losses.sums(u_b * v_b).double()


class Memory:
    """The last pairs of every fit."""

    def __init__(self, room: list[tuple[Vectors, Vectors]]) -> None:
        self.room = room
        self.pairs: list[CurvaturePair] = []

    def free(self) -> tuple[Vectors, Vectors]:
        """Return the arrays that the next pair is written into; the oldest pair is forgotten."""
        if len(self.pairs) == PAIRS:
            oldest = self.pairs.pop(0)
            return oldest.step, oldest.change
        return self.room[len(self.pairs)]

    def narrow(self, losses: LogLoss, fits: slice) -> None:
        """Keep a range of the fits of ``losses``."""
        rows = losses.rows(fits)
        self.pairs = [pair.narrowed(fits, rows) for pair in self.pairs]
        self.room = [(step.narrowed(rows), change.narrowed(rows)) for step, change in self.room]

    def direction(
        self,
        gradient: tuple[Vectors, Tensor],
        directions: LeadingDirections,
        *,
        curvature: Tensor,
        penalty: float,
        losses: LogLoss,
        out: tuple[Vectors, Vectors],
    ) -> Tensor:
        """Write inverse Hessian x gradient into out[1], out[0] is room; return the intercepts' part (R,)."""
        q, d = out
        q.copy_(gradient[0])
        q_b, shares = gradient[1], []
        for pair in reversed(self.pairs):
            share = pair.inverse * dots(losses, q, pair.step, q_b, pair.step_b)
            factors = losses.spread(-share.to(q_b))
            q.add_(pair.change, factors)
            q_b = q_b + pair.change_b * factors[:, 0]
            shares.append(share)
        seen = curvature.to(q_b)
        directions.precondition(q, seen, penalty=penalty, losses=losses, out=d)
        d_b = q_b / seen[losses.owner]
        for pair, share in zip(self.pairs, reversed(shares), strict=True):
            left = share - pair.inverse * dots(losses, d, pair.change, d_b, pair.change_b)
            factors = losses.spread(left.to(q_b))
            d.add_(pair.step, factors)
            d_b = d_b + pair.step_b * factors[:, 0]
        return d_b
