"""Where fits stand: weights, intercepts, logits, and what the objective is there."""

from dataclasses import dataclass

import torch
from torch import Tensor

from unsinter.probes.logistic.log_loss import LogLoss
from unsinter.probes.logistic.spaces import Space
from unsinter.probes.logistic.vectors import Vectors


@dataclass(slots=True, kw_only=True)
class Point:
    """T fits with R columns of logits in all.

    Attributes
    ----------
    at : weights, R vectors. intercept : (R,).
    logits, gradient : (R, n), and the loss's derivative by the logits.
    loss : (T,) nats, float64. square : (T,) squared weights, float64.
    least : (T,) least curvature of the loss in the intercepts, when these were last solved for; float64.
    """

    losses: LogLoss
    space: Space
    at: Vectors
    intercept: Tensor
    logits: Tensor
    gradient: Tensor
    loss: Tensor
    square: Tensor
    least: Tensor

    @classmethod
    def start(cls, losses: LogLoss, space: Space, intercept: Tensor) -> "Point":
        """Return weights of zero with intercepts (R,)."""
        n = losses.blocks[0].codes.shape[1]
        logits = intercept[:, None].expand(-1, n).clone()
        gradient = torch.empty_like(logits)
        loss = losses.value_and_gradient(logits, gradient)
        zero = torch.zeros_like(loss)
        _, least = losses.intercept_step(gradient, gradient.sum(dim=1))
        return cls(
            losses=losses,
            space=space,
            at=space.zeros(len(intercept)),
            intercept=intercept,
            logits=logits,
            gradient=gradient,
            loss=loss,
            square=zero,
            least=least,
        )

    def narrowed(self, fits: slice) -> "Point":
        """Return a view of a range of fits."""
        rows = self.losses.rows(fits)
        return Point(
            losses=self.losses.narrowed(fits),
            space=self.space.narrowed(rows),
            at=self.at.narrowed(rows),
            intercept=self.intercept[rows],
            logits=self.logits[rows],
            gradient=self.gradient[rows],
            loss=self.loss[fits],
            square=self.square[fits],
            least=self.least[fits],
        )

    def value(self, penalty: float) -> Tensor:
        """Return loss + penalty / 2 x squared weights (T,)."""
        return self.loss + penalty / 2 * self.square

    def measure(self) -> None:
        """Renew the squared weights."""
        self.square.copy_(self.losses.dots(self.at.coordinates, self.at.images))

    def solve_intercepts(self, is_due: Tensor, trial: Tensor) -> Tensor:
        """Take a Newton step in the intercepts of fits that are due (T,), where it lowers the loss.

        Returns the step (R,). ``trial`` (R, n) is overwritten.
        """
        losses = self.losses
        step, least = losses.intercept_step(self.gradient, self.gradient.sum(dim=1))
        self.least.copy_(torch.where(is_due, least, self.least))
        step = -step * losses.spread(is_due.to(step))[:, 0]
        for _ in range(2):
            torch.add(self.logits, step[:, None], out=trial)
            loss = losses.value_and_gradient(trial, self.gradient)
            is_worse = loss > self.loss + 1e-7 * self.loss.abs()
            if not bool(is_worse.any()):
                break
            step = torch.where(is_worse[losses.owner], torch.zeros_like(step), step)
        self.logits.copy_(trial)
        self.intercept.add_(step)
        self.loss.copy_(loss)
        return step
