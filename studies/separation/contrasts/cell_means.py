"""The algebra of one fold: directions of both factors from adjusted cell means and one factored metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Probe(NamedTuple):
    """What a direction contrasts, and across what it must hold.

    Weights are of the means of the cells both, first_only, second_only, neither.
    """

    contrast: tuple[float, float, float, float]
    across: tuple[tuple[float, float, float, float], ...]


# With two equally frequent values, their difference adds a quarter of its square to the covariance; of two
# differences, each holds in half of the rows.
_HALF = 8**-0.5
PROBES = (
    Probe((0.5, 0.5, -0.5, -0.5), ((_HALF, -_HALF, 0, 0), (0, 0, _HALF, -_HALF))),
    Probe((0.5, -0.5, 0.5, -0.5), ((_HALF, 0, -_HALF, 0), (0, _HALF, 0, -_HALF))),
    Probe((1.0, 0.0, -1.0, 0.0), ()),
    Probe((0.0, 1.0, 0.0, -1.0), ()),
)
"""The probes of ``comparison``: of each factor, and of the first at either value of the second."""


class Direction(NamedTuple):
    """One probe's direction and what is needed to tell how training rows turn it.

    Attributes
    ----------
    v : (d,) of length 1 within cells.
    length : of the raw direction.
    back : (d,) by which a turn along itself is taken out.
    leverage : (n,) weight of each training row's residual in the raw contrast.
    change : (k, k) in the span of the cell means, from the metric between rows to that of the probe.
    """

    v: Tensor
    length: float
    back: Tensor
    leverage: Tensor
    change: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class CellMeans:
    """Least-squares means of cells and strata over the training rows of a fold.

    Attributes
    ----------
    H : (n, k) indicators of cell and stratum of the training rows, the first four columns the cells.
    inverse : (k, k) of their second moments.
    means : (k, d); ``solved`` (k, d) the same times the inverse of the metric between rows.
    products : (k, k) of means and solved.
    explained : (k, k) A such that A @ means is the part of the covariance that cells and strata explain.
    shrinkage : of the metric.
    """

    H: Tensor
    inverse: Tensor
    means: Tensor
    solved: Tensor
    products: Tensor
    explained: Tensor
    shrinkage: float

    @classmethod
    def of(cls, H: Tensor, inverse: Tensor, means: Tensor, solved: Tensor, shrinkage: float) -> "CellMeans":
        """Return the means with everything derived from them."""
        values, turn = torch.linalg.eigh(H.T @ H / len(H))
        return cls(
            H=H,
            inverse=inverse,
            means=means,
            solved=solved,
            products=means @ solved.T,
            explained=values.clamp_min(0).sqrt()[:, None] * turn.T,
            shrinkage=shrinkage,
        )

    @property
    def centre(self) -> Tensor:
        """The middle of the four cells at the mean stratum (d,)."""
        return self.means[:4].mean(dim=0) + self.H[:, 4:].mean(dim=0) @ self.means[4:]

    def directions(self) -> list[Direction]:
        """Return the direction of each of ``PROBES``: its contrast times the inverse of the probe's metric.

        That metric is G - (1 - shrinkage) explained + across, a change of low rank within the span of the
        means (Woodbury), so that no further matrix of size d is factored.
        """
        return [*self._directions(PROBES[:2]), *self._directions(PROBES[2:])]

    def _directions(self, probes: Sequence[Probe]) -> list[Direction]:
        """Return the directions of probes with equally many conditions across, worked out together."""
        contrast = self._padded([probe.contrast for probe in probes])
        across = torch.stack([self._padded(probe.across) for probe in probes])
        P = torch.cat([self.explained.expand(len(probes), -1, -1), across], dim=1)
        weight = torch.full((P.shape[1],), 1.0, dtype=torch.float64)
        weight[: len(self.explained)] = -1 / (1 - self.shrinkage)
        change = P.mT @ torch.linalg.solve(torch.diag(weight) + P @ self.products @ P.mT, P)
        raw = contrast - _times(contrast @ self.products, change)
        along = raw @ self.products
        spread = (across @ along[:, :, None])[:, :, 0]
        square = (along * contrast).sum(dim=1) - spread.square().sum(dim=1)
        length = square.clamp_min(1e-12).sqrt()[:, None]
        back = (contrast - _times(spread, across)) / length
        back = back - _times(back @ self.products, change)
        leverage = self.H @ (self.inverse @ contrast.T)
        v, turn = (raw / length) @ self.solved, back @ self.solved
        return [
            Direction(
                v=v[i], length=float(length[i]), back=turn[i], leverage=leverage[:, i], change=change[i]
            )
            for i in range(len(probes))
        ]

    def turned(self, direction: Direction, difference: Tensor, solved: Tensor) -> Tensor:
        """Return (d,): its product with a training row's residual, by leverage, is the row's pull.

        ``solved`` is the mean difference (d,) times the inverse of the metric, which is taken as fixed.
        """
        result = solved - (self.means @ solved) @ direction.change @ self.solved
        return result - (difference @ direction.v) * direction.back

    def pull(self, direction: Direction, along: Tensor, turned: Tensor) -> Tensor:
        """Return how each training row (n,) changes a mean difference along the unit direction.

        In standard deviations per unit of the row's weight; ``along`` (n,) is the rows times ``turned``.
        """
        residual = along - (self.H @ (self.means @ turned)).float()
        return residual * (direction.leverage / direction.length).float()

    def _padded(self, rows: Sequence[tuple[float, ...]]) -> Tensor:
        """Return weights of cells (m, 4) as weights of all means (m, k)."""
        padded = torch.zeros((len(rows), len(self.means)), dtype=torch.float64)
        if len(rows):
            padded[:, :4] = torch.tensor(rows, dtype=torch.float64)
        return padded


def _times(rows: Tensor, matrices: Tensor) -> Tensor:
    """Return each row (b, k) times its own matrix (b, k, m)."""
    return (rows[:, None, :] @ matrices)[:, 0]
