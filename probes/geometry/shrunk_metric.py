"""Distances between activations in their own shrunk covariance, factored once for many directions."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unsinter.probes.arrays import LabelArray

_LEAST_SHRINKAGE = 1e-3
"""Keeps the metric invertible where rows suffice for the rule to shrink by nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrunkMetric:
    """The inverse of G = (1 - shrinkage) S + shrinkage m I, with S the correlations of the fitted rows.

    Columns are put on one scale first, so two coordinates of huge variance weigh no more than others.

    Attributes
    ----------
    mean, scale : (d,) of the fitted rows; a column that never varies has scale 1.
    shrinkage : share of the identity, by Ledoit and Wolf's rule.
    factor : Cholesky factor of G (d, d), or where rows are fewer than half the columns of the matrix of inner
        products that stands for it (n, n).
    rows : (n, d) standardised rows, kept in the second case only.

    References
    ----------
    Ledoit & Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices".
    """

    mean: Tensor
    scale: Tensor
    shrinkage: float
    identity: float
    factor: Tensor
    rows: Tensor | None

    def standardise(self, X: Tensor) -> Tensor:
        """Return X (n, d) in the units of the metric."""
        return (X - self.mean) / self.scale

    def solve(self, B: Tensor) -> Tensor:
        """Return B (k, d) times the inverse of G, float64."""
        B = B.double()
        if self.rows is None:
            return torch.cholesky_solve(B.T, self.factor).T
        # G = a I + X'X c: its inverse through the smaller matrix of inner products (Woodbury).
        rows = self.rows.double()
        return (B - (rows.T @ torch.cholesky_solve(rows @ B.T, self.factor)).T) / self.identity

    def leverage(self, seen: Tensor) -> Tensor:
        """Return the share (n,) of each fitted row, standardised (n, d), in its own length by this metric."""
        weight = (1 - self.shrinkage) / len(seen)
        if self.rows is None:
            white = torch.linalg.solve_triangular(self.factor.float(), seen.T.float(), upper=False)
            return weight * white.square().sum(dim=0).double()
        return 1 - self.identity / weight * torch.cholesky_inverse(self.factor).diagonal()


def fit_metrics(X: Tensor, folds: LabelArray) -> list[ShrunkMetric]:
    """Return one metric per fold, fitted on the rows (n, d) outside it; sums over rows are made once."""
    n_folds, d = int(folds.max()) + 1, X.shape[1]
    if d > 2 * len(X):
        return [_from_rows(X[torch.as_tensor(folds != fold)]) for fold in range(n_folds)]
    # One scale for the arithmetic only: it cancels when each fold is standardised by its own rows.
    shift, size = X.mean(dim=0), _positive(X.std(dim=0, correction=0))
    Z = (X - shift) / size
    parts = [Z[torch.as_tensor(folds == fold)] for fold in range(n_folds)]
    moments = [(part.T @ part).double() for part in parts]
    sums, squares = [p.double().sum(dim=0) for p in parts], sum(moments)
    total = sum(sums)
    metrics = []
    for fold in range(n_folds):
        kept = torch.as_tensor(folds != fold)
        n = int(kept.sum())
        mean = (total - sums[fold]) / n
        S = (squares - moments[fold]) / n - torch.outer(mean, mean)
        scale = _positive(S.diagonal().clamp_min(0).sqrt())
        S /= torch.outer(scale, scale)
        rows = (Z[kept] - mean.to(Z)) / scale.to(Z)
        shrinkage = ledoit_wolf(rows, float((S * S).sum()), float(S.trace()))
        identity = shrinkage * float(S.trace()) / d
        S *= 1 - shrinkage
        S.diagonal().add_(identity)
        metrics.append(
            ShrunkMetric(
                mean=shift + size * mean.to(Z),
                scale=size * scale.to(Z),
                shrinkage=shrinkage,
                identity=identity,
                factor=torch.linalg.cholesky(S),
                rows=None,
            )
        )
    return metrics


def _from_rows(X: Tensor) -> ShrunkMetric:
    """Return the metric of rows (n, d) far fewer than columns."""
    n, d = X.shape
    mean, scale = X.mean(dim=0), _positive(X.std(dim=0, correction=0))
    rows = (X - mean) / scale
    K = (rows @ rows.T).double()
    trace = float(K.trace()) / n
    shrinkage = ledoit_wolf(rows, float((K * K).sum()) / n**2, trace)
    identity = shrinkage * trace / d
    K.diagonal().add_(identity * n / (1 - shrinkage))
    return ShrunkMetric(
        mean=mean,
        scale=scale,
        shrinkage=shrinkage,
        identity=identity,
        factor=torch.linalg.cholesky(K),
        rows=rows,
    )


def ledoit_wolf(rows: Tensor, square: float, trace: float, *, n_dimensions: int | None = None) -> float:
    """Return the shrinkage of centred rows (n, d) whose covariance has this squared norm and trace.

    ``n_dimensions`` is d where the rows were turned into fewer coordinates.
    """
    n, d = len(rows), n_dimensions or rows.shape[1]
    spread = square - trace**2 / d
    lengths = (rows * rows).sum(dim=1, dtype=torch.float64)
    noise = (float((lengths**2).sum()) / n - square) / n
    share = noise / spread if spread > 0 else 1.0
    return float(np.clip(share, _LEAST_SHRINKAGE, 1 - _LEAST_SHRINKAGE))


def _positive(scale: Tensor) -> Tensor:
    return torch.where(scale > 0, scale, torch.ones_like(scale))
