"""How two directions lie to each other, in units of what varies anyway."""

import numpy as np
import torch

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.geometry.contrasts import contrast_rows, residuals
from unsinter.probes.permutation import stratified_permutations
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.row_values import known_values
from unsinter.probes.shrunk_covariance import ShrunkCovariance


def covariance_within(X: FloatArray, cells: LabelArray) -> ShrunkCovariance:
    """Return the shrunk covariance of X (n, d) around the mean of each row's cell (n,).

    Raises
    ------
    ValueError : unless X is a finite matrix with more rows than cells, and varies inside them.
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
    if not around.any():
        raise ValueError("X does not vary inside the cells; a whitened direction needs rows that differ.")
    rounding = 1e-7 * np.maximum(X.max(axis=0), -X.min(axis=0))  # of absolute values, without making them
    return ShrunkCovariance.of_residuals(around, rounding=rounding, dtype=torch.float32)


def cosine(u: FloatArray, v: FloatArray, *, metric: ShrunkCovariance | None = None) -> FloatArray:
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
    metric = covariance_within(np.concatenate([X, elsewhere]), np.concatenate([cells, 4 + cells]))
    (rows,) = contrast_rows(z, w)
    return cosine(rows @ X, rows @ elsewhere, metric=metric)
