"""Shrunk covariance of residuals, in coordinates no more than the rows need."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unsinter.probes.arrays import FloatArray
from unsinter.probes.shrunk_covariance import BLOCK_ROWS, LEAST_SHRINKAGE, shrink

_RIDGE = 1e-9
"""Of the mean square: keeps the factor of dependent rows finite."""


class Coordinates(NamedTuple):
    """Rows in coordinates Y (n, p), float64, and the dimensions d that they had before."""

    Y: Tensor
    n_dimensions: int


def coordinates(X: FloatArray) -> Coordinates:
    """Return X (n, d) with columns on one scale, turned into at most n coordinates, p = min(n, d).

    Every inner product of rows is kept, and so is every distance. The scale of a column is its deviation
    over all rows: a choice of units, which no label enters.
    """
    rows = torch.as_tensor(np.array(X, dtype=np.float64))
    rows -= rows.mean(dim=0)
    spread = rows.std(dim=0, correction=0)
    rows /= torch.where(spread > 0, spread, torch.ones_like(spread))
    n, d = rows.shape
    if d <= n:
        return Coordinates(rows, d)
    products = rows @ rows.T
    products.diagonal().add_(_RIDGE * d)
    return Coordinates(torch.linalg.cholesky(products), d)


def residual_moments(H: Tensor, Y: Tensor, moments: Tensor) -> Tensor:
    """Return the inner products (p, p) of what the columns of H (n, q) leave of Y, from those of Y."""
    fitted = H.T @ Y
    return moments - fitted.T @ (torch.linalg.pinv(H.T @ H, hermitian=True) @ fitted)


def least_squares(H: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Return residuals (n, p) of Y fitted by the columns of H (n, q), and each row's leverage (n,)."""
    inverse = torch.linalg.pinv(H.T @ H, hermitian=True)
    residual = (H @ (inverse @ (H.T @ Y))).neg_().add_(Y)
    return residual, ((H @ inverse) * H).sum(dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualMetric:
    """G = (1 - shrinkage) R'R / n + shrinkage m I of residuals R (n, p), by its Cholesky factor (p, p).

    References
    ----------
    Ledoit & Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices".
    """

    factor: Tensor
    weight: float

    @classmethod
    def fit(cls, residual: Tensor, *, n_dimensions: int, moments: Tensor | None = None) -> "ResidualMetric":
        """Return the metric of residuals (n, p), as if they still had their ``n_dimensions`` columns.

        ``moments`` are their inner products (p, p) where these are at hand.
        """
        n, _ = residual.shape
        S = (residual.T @ residual if moments is None else moments) / n
        own = shrink(S, residual, n_dimensions=n_dimensions, least=LEAST_SHRINKAGE, ridge=_RIDGE)
        return cls(factor=own.factor, weight=(1 - own.shrinkage) / n)

    def solve(self, B: Tensor) -> Tensor:
        """Return B (k, p) times the inverse of G."""
        return torch.cholesky_solve(B.T, self.factor).T

    def whiten(self, B: Tensor) -> Tensor:
        """Return rows (k, p) whose inner products are those of B in the inverse of G, float32."""
        factor = self.factor.float()
        if len(B) <= BLOCK_ROWS:
            return torch.linalg.solve_triangular(factor, B.T.float(), upper=False).T
        white = torch.empty(B.shape, dtype=torch.float32)
        for start in range(0, len(B), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            white[rows] = torch.linalg.solve_triangular(factor, B[rows].T.float(), upper=False).T
        return white

    def apart(self, white: Tensor) -> Tensor:
        """Return whitened rows (n, p) scaled so that two have the product of a metric fitted without them.

        By their leverages (Woodbury); near enough without the square of their own product.
        """
        own = (self.weight * white.square().sum(dim=1)).clamp(1e-6, 0.98)
        return white * (self.weight**0.5 / (own * (1 - own)).sqrt())[:, None]

    def leverage(self, residual: Tensor) -> Tensor:
        """Return the share (n,) that each fitted row has in its own length."""
        white = [self.whiten(rows).square().sum(dim=1) for rows in torch.split(residual, BLOCK_ROWS)]
        return self.weight * torch.cat(white).double()
