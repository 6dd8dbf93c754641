"""Covariances shrunk towards the identity, factored once for many directions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from unsinter.probes.arrays import FloatArray, LabelArray

LEAST_SHRINKAGE = 1e-3
"""Keeps the metric invertible where rows suffice for the rule to shrink by nothing."""

_RIDGE = {torch.float32: 1e-6, torch.float64: 1e-10}
"""Added to the shrinkage, by the type that sums were made in: so little that it changes no digit shown."""

BLOCK_ROWS = 4096
"""Rows that are worked on at once where a second copy of them all would stand in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrunkCovariance:
    """G = (1 - shrinkage) S + identity I, with S the correlations of the fitted rows.

    Columns are put on one scale first: two coordinates of huge variance weigh no more than others, and
    shrinkage forgets none of small units.

    Attributes
    ----------
    mean, scale : (d,) of the fitted rows; a column that never varies has scale 1.
    shrinkage : share of the identity, by Ledoit and Wolf's rule.
    factor : lower Cholesky factor of G (d, d), or where rows are fewer than half the columns of the matrix of
        inner products that stands for it (n, n).
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
    rows: Tensor | None = None

    @classmethod
    def of_residuals(
        cls, residual: FloatArray, *, rounding: FloatArray, dtype: torch.dtype = torch.float64
    ) -> Self:
        """Return that of residuals (n, d), whose mean is zero, with sums over rows made in ``dtype``.

        A column whose deviation is at most ``rounding`` (d,) does not vary.
        """
        deviation = residual.std(axis=0)
        scale = torch.as_tensor(np.where(deviation > rounding, deviation, 1.0), dtype=torch.float64)
        rows = torch.empty(residual.shape, dtype=dtype)
        unscaled = torch.split(torch.as_tensor(residual), BLOCK_ROWS)
        for part, own in zip(torch.split(rows, BLOCK_ROWS), unscaled, strict=True):
            part.copy_(own / scale)  # part by part: never all rows in double precision
        S = (rows.T @ rows).double() / len(rows)
        return cls.of_moments(S, rows, mean=torch.zeros_like(scale), scale=scale, ridge=_RIDGE[dtype])

    @classmethod
    def of_moments(
        cls, S: Tensor, rows: Tensor, *, mean: Tensor, scale: Tensor, least: float = 0.0, ridge: float = 0.0
    ) -> Self:
        """Return that of the correlations S (d, d), which are overwritten, of standardised rows (n, d)."""
        own = shrink(S, rows, n_dimensions=len(S), least=least, ridge=ridge)
        return cls(mean=mean, scale=scale, **own._asdict())

    def standardise(self, X: Tensor) -> Tensor:
        """Return X (n, d) in the units of the metric."""
        return (X - self.mean).div_(self.scale)

    def whiten(self, V: FloatArray) -> FloatArray:
        """Return V (k, d), in activation units, in coordinates whose dot product is that of G inverse."""
        scaled = torch.as_tensor(np.atleast_2d(V)) / self.scale
        white = torch.linalg.solve_triangular(self.factor, scaled.double().T, upper=False)
        return np.ascontiguousarray(white.T.numpy())

    def solve(self, B: Tensor) -> Tensor:
        """Return B (k, d), standardised, times the inverse of G, float64."""
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
            factor = self.factor.float()
            lengths = [
                torch.linalg.solve_triangular(factor, rows.T.float(), upper=False).square_().sum(dim=0)
                for rows in torch.split(seen, BLOCK_ROWS)
            ]
            return weight * torch.cat(lengths).double()
        return 1 - self.identity / weight * torch.cholesky_inverse(self.factor).diagonal()


def fold_covariances(X: Tensor, folds: LabelArray) -> Iterator[ShrunkCovariance]:
    """Yield one per fold, fitted on the rows (n, d) outside it; sums over rows are made once."""
    n_folds, d = int(folds.max()) + 1, X.shape[1]
    if d > 2 * len(X):
        yield from (_from_rows(X[torch.as_tensor(folds != fold)]) for fold in range(n_folds))
        return
    # One scale for the arithmetic only: it cancels when each fold is standardised by its own rows.
    shift, size = X.mean(dim=0), _positive(X.std(dim=0, correction=0))
    Z = (X - shift) / size
    parts = [Z[torch.as_tensor(folds == fold)] for fold in range(n_folds)]
    moments = [part.T @ part for part in parts]
    sums = [part.sum(dim=0, dtype=torch.float64) for part in parts]
    del parts
    total, squares = sum(sums), sum(moment.double() for moment in moments)
    for fold in range(n_folds):
        kept = torch.as_tensor(folds != fold)
        n = int(kept.sum())
        mean = (total - sums[fold]) / n
        S = (squares - moments[fold].double()) / n - torch.outer(mean, mean)
        scale = _positive(S.diagonal().clamp_min(0).sqrt())
        S /= torch.outer(scale, scale)
        rows = Z[kept].sub_(mean.to(Z)).div_(scale.to(Z))
        metric = ShrunkCovariance.of_moments(
            S, rows, mean=shift + size * mean.to(Z), scale=size * scale.to(Z), least=LEAST_SHRINKAGE
        )
        del S, rows
        yield metric


def _from_rows(X: Tensor) -> ShrunkCovariance:
    """Return that of rows (n, d) far fewer than columns."""
    n, d = X.shape
    mean, scale = X.mean(dim=0), _positive(X.std(dim=0, correction=0))
    rows = (X - mean) / scale
    K = (rows @ rows.T).double()
    trace = float(K.trace()) / n
    shrinkage = ledoit_wolf(rows, float((K * K).sum()) / n**2, trace)
    identity = shrinkage * trace / d
    K.diagonal().add_(identity * n / (1 - shrinkage))
    return ShrunkCovariance(
        mean=mean,
        scale=scale,
        shrinkage=shrinkage,
        identity=identity,
        factor=torch.linalg.cholesky(K),
        rows=rows,
    )


class Shrunk(NamedTuple):
    """A covariance shrunk towards the identity: how far, what of the identity was added, Cholesky factor."""

    shrinkage: float
    identity: float
    factor: Tensor


def shrink(S: Tensor, rows: Tensor, *, n_dimensions: int, least: float, ridge: float) -> Shrunk:
    """Return the covariance S (p, p), which is overwritten, of centred rows (n, p) shrunk and factored.

    ``n_dimensions`` is how many columns the rows had; ``ridge`` is added to the share of the identity.
    """
    trace = float(S.trace())
    shrinkage = ledoit_wolf(rows, float((S * S).sum()), trace, n_dimensions=n_dimensions, least=least)
    # Where no column varies, the identity stands for what is not there.
    identity = (shrinkage + ridge) * (trace or float(n_dimensions)) / n_dimensions
    S *= 1 - shrinkage
    S.diagonal().add_(identity)
    return Shrunk(shrinkage, identity, torch.linalg.cholesky(S))


def ledoit_wolf(
    rows: Tensor,
    square: float,
    trace: float,
    *,
    n_dimensions: int | None = None,
    least: float = LEAST_SHRINKAGE,
) -> float:
    """Return the shrinkage, from ``least`` to 1 - least, of centred rows (n, d).

    ``square`` and ``trace`` are the squared norm and trace of their covariance; with them at hand this is
    scikit-learn's ``ledoit_wolf_shrinkage`` at a hundredth of its time. ``n_dimensions`` is d where the rows
    were turned into fewer coordinates.
    """
    n, d = len(rows), n_dimensions or rows.shape[1]
    spread = square - trace**2 / d
    parts = torch.split(rows, BLOCK_ROWS)
    lengths = torch.cat([(part * part).sum(dim=1, dtype=torch.float64) for part in parts])
    noise = (float((lengths**2).sum()) / n - square) / n
    share = noise / spread if spread > 0 else 1.0
    return float(np.clip(share, least, 1 - least))


def _positive(scale: Tensor) -> Tensor:
    return torch.where(scale > 0, scale, torch.ones_like(scale))
