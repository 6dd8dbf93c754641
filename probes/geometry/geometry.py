"""How two directions lie to each other, in units of what varies anyway."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.geometry.contrasts import contrast_rows, residuals
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.row_values import known_values
from unsinter.probes.stratified_permutation import stratified_permutations


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """The shrunk covariance within cells, factorised once.

    Columns are put on one scale first, shrinkage would else forget columns of small units. Shrinkage keeps
    the matrix invertible where rows are fewer than columns; the plain sample covariance is never inverted.

    Attributes
    ----------
    scale : (d,) deviation of each column within cells; activation units.
    factor : (d, d) lower Cholesky factor of the shrunk covariance of scaled columns.
    shrinkage : weight of the identity, 0 to 1.
    effective_rank : (sum of eigenvalues)^2 / sum of their squares of the sample covariance before shrinkage:
        how many directions of equal variance would spread as widely.
    """

    scale: FloatArray
    factor: FloatArray
    shrinkage: float
    effective_rank: float

    @classmethod
    def within(cls, X: FloatArray, cells: LabelArray) -> Self:
        """Return the metric of X (n, d) around the mean of each row's cell (n,).

        ValueError unless X is a finite matrix with more rows than cells. Shrinkage by Ledoit & Wolf (2004).
        """
        X = plain_array(X, name="X")
        cells = known_values(cells, name="cells")
        n_cells = len(np.unique(cells))
        if X.ndim != 2 or len(X) != len(cells) or len(X) <= n_cells or not np.isfinite(X).all():
            raise ValueError(
                f"X must be finite, (n, d), with a cell for each row and more rows than cells; got shape "
                f"{X.shape}, {len(cells)} labels of {n_cells} cells."
            )
        around = residuals(X - X.mean(axis=0), cells)
        scale = around.std(axis=0)
        scale[scale <= 1e-7 * np.abs(X).max(axis=0)] = 1.0
        around = (around / scale).astype(np.float32)
        covariance = (around.T @ around / len(around)).astype(np.float64)
        trace, power = np.trace(covariance), np.square(covariance).sum()
        if not trace > 0:
            raise ValueError("X does not vary inside the cells; a whitened direction needs rows that differ.")
        shrinkage = _ledoit_wolf(around, trace=float(trace), power=float(power))
        shrunk = (1 - shrinkage) * covariance
        shrunk[np.diag_indices_from(shrunk)] += shrinkage * trace / len(shrunk) + 1e-6 * trace / len(shrunk)
        return cls(
            scale=scale.astype(np.float64),
            factor=cholesky(shrunk, lower=True, overwrite_a=True, check_finite=False),
            shrinkage=shrinkage,
            effective_rank=float(trace**2 / power),
        )

    def whiten(self, V: FloatArray) -> FloatArray:
        """Return V (k, d) in coordinates (k, d) whose dot product is that of Sigma^-1."""
        scaled = (np.atleast_2d(V) / self.scale).T
        return solve_triangular(self.factor, scaled, lower=True, check_finite=False).T


def _ledoit_wolf(rows: FloatArray, *, trace: float, power: float) -> float:
    """Return Ledoit & Wolf's weight of the identity for centred rows (n, d).

    ``trace`` and ``power`` (sum of squares) of their covariance are at hand, which makes this the formula of
    scikit-learn's ``ledoit_wolf_shrinkage`` at a hundredth of its time.
    """
    n, d = rows.shape
    fourth = float(np.square(np.square(rows).sum(axis=1, dtype=np.float64)).sum())
    noise = (fourth / n - power) / n
    return float(min(max(noise / (power - trace**2 / d), 0.0), 1.0)) if power > trace**2 / d else 1.0


def cosine(u: FloatArray, v: FloatArray, *, metric: Metric | None = None) -> FloatArray:
    """Return the cosine of each row of u with the same row of v (k,), both (k, d) or (d,).

    With ``metric`` it is u' S^-1 v / sqrt(u' S^-1 u  v' S^-1 v). NaN for a row of zeros or NaN.
    """
    u, v = np.atleast_2d(u), np.atleast_2d(v)
    if metric is not None:
        both = metric.whiten(np.concatenate([u, v]))
        u, v = both[: len(u)], both[len(u) :]
    lengths = np.sqrt(np.square(u).sum(axis=1) * np.square(v).sum(axis=1))
    return np.divide((u * v).sum(axis=1), lengths, out=np.full(len(u), np.nan), where=lengths > 0)


def split_half_reliability(halves: FloatArray) -> FloatArray:
    """Return the reliability (n_factors,) of directions from halves (n_splits, 2, n_factors, d).

    It is Spearman-Brown's 2 r / (1 + r), with r the cosine of the two halves' directions, averaged over
    splits: the share of the squared length of the direction from all rows that is no sampling noise. NaN
    where r is not above -1, or no split has both directions.

    References
    ----------
    Spearman (1910); Brown (1910).
    """
    cosines = cosine(*(halves[:, half].reshape(-1, halves.shape[-1]) for half in (0, 1)))
    r = _mean(cosines.reshape(len(halves), -1), axis=0)
    return np.divide(2 * r, 1 + r, out=np.full_like(r, np.nan), where=r > -1)


def disattenuated_cosine(halves: FloatArray) -> FloatArray:
    """Return the cosine (...) that two directions have without sampling noise.

    Every product, of a direction with itself or with the other, is taken across two halves of the groups,
    whose noise is independent, and averaged over splits. The classic Q / sqrt(reliability x reliability)
    agrees where the four cells are equally large. Elsewhere it takes shared noise for an angle: both
    directions use the same cell means, and orthogonal factors whose labels correlate at .9 come out at
    cosine -.7.

    Parameters
    ----------
    halves : (..., n_splits, 2 halves, 2 factors, d) whitened directions, or plain ones for the plain cosine.

    NaN where either direction is noise alone (its product across halves is not above zero).
    """
    products = np.einsum("...sad,...sbd->...sab", halves[..., 0, :, :], halves[..., 1, :, :])
    mean = _mean(products, axis=-3)
    own = mean[..., 0, 0] * mean[..., 1, 1]
    sound = (mean[..., 0, 0] > 0) & (mean[..., 1, 1] > 0)
    across = (mean[..., 0, 1] + mean[..., 1, 0]) / 2
    length = np.sqrt(np.where(sound, own, np.nan))
    return np.asarray(across / length)


def _mean(values: FloatArray, *, axis: int) -> FloatArray:
    """Return the mean over finite values, NaN where there is none."""
    finite = np.isfinite(values)
    n = finite.sum(axis=axis)
    total = np.where(finite, values, 0.0).sum(axis=axis)
    return np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)


def half_weights(groups: LabelArray, *, n_splits: int, seed: int) -> FloatArray:
    """Return 0/1 weights (n_splits, 2, n) that put each group in one of two halves of equally many groups."""
    _, code = np.unique(known_values(groups, name="groups"), return_inverse=True)
    n_groups = int(code.max()) + 1
    if n_groups < 2:
        raise ValueError("one group has no halves; give at least two groups.")
    order = np.random.default_rng(seed).random((n_splits, n_groups)).argsort(axis=1).argsort(axis=1)
    first = (order < n_groups // 2)[:, code]
    return np.stack([first, ~first], axis=1).astype(float)


def permuted_contrasts(
    z: LabelArray, w: LabelArray, *, groups: LabelArray, n: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return contrast rows (n, 2, n_examples) with z permuted inside levels of w, and with w inside z.

    Whole groups move, as in ``stratified_permutations``; errors as there.
    """
    z_drawn = stratified_permutations(z, groups=groups, strata=w, n=n, seed=seed)
    w_drawn = stratified_permutations(w, groups=groups, strata=z, n=n, seed=seed + 1)
    return contrast_rows(z_drawn, w), contrast_rows(z, w_drawn)


def position_cosine(X: FloatArray, elsewhere: FloatArray, z: LabelArray, w: LabelArray) -> FloatArray:
    """Return the cosines (2,) of the direction of z, and of w, at one position with the same at another.

    A low cosine of two different factors read at two positions means nothing until it is held against this
    one: the same factor, the same rows, only the position differs. The metric is that of both positions
    pooled, within cells of each.

    Parameters
    ----------
    X, elsewhere : (n, d) activations of the same rows at the two positions.
    z, w : (n,) 1 or 0.
    """
    if X.shape != elsewhere.shape:
        raise ValueError(
            f"both positions need the same rows and columns, got {X.shape} and {elsewhere.shape}."
        )
    cells = 2 * np.asarray(z) + np.asarray(w)
    metric = Metric.within(np.concatenate([X, elsewhere]), np.concatenate([cells, 4 + cells]))
    (rows,) = contrast_rows(z, w)
    return cosine(rows @ X, rows @ elsewhere, metric=metric)
