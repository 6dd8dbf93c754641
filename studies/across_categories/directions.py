"""The geometry of category directions: how many axes they take, and how much of them is one common axis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.probes.permutation import pure_and_mixed_permutations
from unsinter.studies.across_categories.contrast import CategoryContrast
from unsinter.studies.across_categories.intervals import debiased, estimate
from unsinter.studies.data.estimate import NAN, UNKNOWN, Estimate

_BLOCK = 100
"""Draws whose noise (n_draws, n_categories, d) is held at once."""

_PERMUTATIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionEvidence:
    """How alike the directions "category against harmless" are.

    Attributes
    ----------
    rank : effective rank of the directions as measured, exp of the entropy of the squared singular values of
        the unit vectors: from 1 (one axis) to the number of categories. Noise raises it.
    rank_one_axis : median and central interval of that rank if all categories shared one axis, each with its
        own strength and its own sampling noise.
    rank_no_axis : the same with harm permuted among the rows of a category: no direction at all.
    p_one_axis : share of one-axis draws whose rank is at least as high; small: more than one axis.
    rank_corrected : rank of the directions without their noise, with interval.
    share : mean cosine of two categories' directions without their noise, which is the share of variance of a
        category's direction that lies on the common axis; 1: one axis, 0: an axis each.
    reliability : median share of a squared direction that is not noise; near 0 there is no direction.
    """

    rank: float = NAN
    rank_one_axis: Estimate = UNKNOWN
    rank_no_axis: Estimate = UNKNOWN
    p_one_axis: float = NAN
    rank_corrected: Estimate = UNKNOWN
    share: Estimate = UNKNOWN
    reliability: float = NAN


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Directions:
    """Mean differences with the influence of every group on them.

    Attributes
    ----------
    V : (k, d) harmful minus harmless mean of each category.
    influence : per category, its groups' numbers (g,) and their influence (g, d) on its direction.
    """

    V: FloatArray
    influence: list[tuple[NDArray[np.intp], FloatArray]]


def direction_evidence(
    X: FloatArray,
    contrast: CategoryContrast,
    groups: NDArray[np.intp],
    *,
    level: float,
    n_draws: int,
    seed: int,
) -> DirectionEvidence:
    """Compare the categories' directions, all from equally many rows of each class.

    Columns are in units of their deviation inside harm x category, so that a few very large ones do not
    decide. Noise is taken off squared lengths and products of directions by the groups' own influence: that
    is the mean over all ways to compare one half of the groups with the other.

    Parameters
    ----------
    X : (n, d). groups : (n,) numbers from 0.
    """
    cells = contrast.equal()
    X = X / _deviation(X, cells)
    directions = measure_directions(X, cells, groups)
    gram, noise = directions.V @ directions.V.T, noise_gram(directions)
    rank = float(effective_rank(gram[None])[0])
    if np.isnan(rank):
        return DirectionEvidence()
    pure = gram - noise
    draws = np.concatenate([[gram], _bootstrap(directions, common=None, n_draws=n_draws, seed=seed)])
    cleaned = draws - 2 * noise
    cleaned[0] = pure
    one = effective_rank(
        _bootstrap(directions, common=_common(directions.V, pure), n_draws=n_draws, seed=seed + 1)
    )
    none = effective_rank(_permuted(X, cells, groups, seed=seed))
    return DirectionEvidence(
        rank=rank,
        rank_one_axis=estimate(np.append(np.median(one), one), level=level),
        rank_no_axis=estimate(np.append(np.median(none), none), level=level),
        p_one_axis=float((1 + (one >= rank).sum()) / (1 + len(one))),
        rank_corrected=debiased(effective_rank(cleaned), level=level, bounds=(1.0, float(len(cells)))),
        share=debiased(common_share(cleaned), level=level, bounds=(-1.0, 1.0)),
        reliability=float(np.median(np.diag(pure) / np.maximum(np.diag(gram), 1e-30))),
    )


def effective_rank(grams: FloatArray) -> FloatArray:
    """Return exp(entropy) of the normalised eigenvalues (m,) of grams (m, k, k) scaled to a unit diagonal.

    Of the products of k vectors these are the squared singular values of the unit vectors. Where noise was
    taken off, negative eigenvalues count as zero; NaN where no length is left.
    """
    lengths = np.sqrt(np.maximum(np.diagonal(grams, axis1=1, axis2=2), 0))
    usable = (lengths > 0).all(axis=1)
    lengths[~usable] = 1.0
    unit = grams / (lengths[:, :, None] * lengths[:, None, :])
    values = np.maximum(np.linalg.eigvalsh(unit), 0)
    p = values / np.maximum(values.sum(axis=1, keepdims=True), 1e-30)
    entropy = -(p * np.log(np.maximum(p, 1e-30))).sum(axis=1)
    return np.where(usable, np.exp(entropy), NAN)


def common_share(grams: FloatArray) -> FloatArray:
    """Return the mean cosine of two different directions (m,), each pair weighted by its lengths."""
    lengths = np.sqrt(np.maximum(np.diagonal(grams, axis1=1, axis2=2), 0))
    sizes = lengths[:, :, None] * lengths[:, None, :]
    apart = ~np.eye(grams.shape[1], dtype=bool)
    total = sizes[:, apart].sum(axis=1)
    products = grams[:, apart].sum(axis=1)
    return np.divide(products, total, out=np.full(len(grams), NAN), where=total > 0)


def measure_directions(
    X: FloatArray, cells: list[tuple[NDArray[np.intp], NDArray[np.intp]]], groups: NDArray[np.intp]
) -> Directions:
    """Return the mean differences of cells, (positive, negative) rows per category, with their influence."""
    V, influence = [], []
    for up, down in cells:
        means = [X[side].mean(axis=0, dtype=float).astype(X.dtype) for side in (up, down)]
        V.append(means[0] - means[1])
        parts = np.concatenate([(X[up] - means[0]) / len(up), -(X[down] - means[1]) / len(down)])
        numbers, place = np.unique(groups[np.concatenate([up, down])], return_inverse=True)
        summed = np.zeros((len(numbers), X.shape[1]), dtype=X.dtype)
        np.add.at(summed, place, parts)
        influence.append((numbers, summed * np.sqrt(len(numbers) / max(len(numbers) - 1, 1))))
    return Directions(V=np.array(V), influence=influence)


def noise_gram(directions: Directions) -> FloatArray:
    """Return the products (k, k) that sampling noise alone would give; off the diagonal for shared groups."""
    k = len(directions.V)
    noise = np.zeros((k, k))
    for a, (mine, S) in enumerate(directions.influence):
        for b, (theirs, R) in enumerate(directions.influence):
            _, i, j = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
            noise[a, b] = float((S[i] * R[j]).sum())
    return noise


def _common(V: FloatArray, pure: FloatArray) -> FloatArray:
    """Return (k, d) directions on the best common axis, each as long as it is without its noise.

    The axis is the leading right singular vector of the unit vectors; rank does not see signs.
    """
    unit = V / np.maximum(np.linalg.norm(V, axis=1, keepdims=True), 1e-30)
    axis = np.linalg.eigh(unit @ unit.T)[1][:, -1] @ unit
    strength = np.sqrt(np.maximum(np.diag(pure), 0))
    return np.outer(strength, axis / max(float(np.linalg.norm(axis)), 1e-30)).astype(V.dtype)


def _bootstrap(directions: Directions, *, common: FloatArray | None, n_draws: int, seed: int) -> FloatArray:
    """Return products (n_draws, k, k) of ``common`` (else the found directions) plus drawn sampling noise.

    Groups get normal multipliers, which is the cluster bootstrap of the means without sorting rows anew.
    """
    rng = np.random.default_rng(seed)
    n_groups = max(int(numbers.max()) for numbers, _ in directions.influence) + 1
    centre = directions.V if common is None else common
    grams = []
    for start in range(0, n_draws, _BLOCK):
        size = min(_BLOCK, n_draws - start)
        gamma = rng.standard_normal((size, n_groups), dtype=np.float32)
        drawn = np.stack([gamma[:, numbers] @ S for numbers, S in directions.influence], axis=1) + centre
        grams.append(drawn @ drawn.transpose(0, 2, 1))
    return np.concatenate(grams).astype(float)


def _permuted(
    X: FloatArray,
    cells: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    groups: NDArray[np.intp],
    *,
    seed: int,
) -> FloatArray:
    """Return products (_PERMUTATIONS, k, k) of directions whose labels were permuted inside each category.

    Labels move inside groups that hold both, as twins do, and between the others as whole groups.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for up, down in cells:
        rows = np.concatenate([up, down])
        truth = np.arange(len(rows)) < len(up)
        labels = pure_and_mixed_permutations(truth, groups[rows], n=_PERMUTATIONS, rng=rng)
        sizes = labels.sum(axis=1, keepdims=True)
        signs = labels / np.maximum(sizes, 1) - ~labels / np.maximum(len(rows) - sizes, 1)
        drawn.append(signs.astype(X.dtype) @ X[rows])
    V = np.stack(drawn, axis=1)
    return (V @ V.transpose(0, 2, 1)).astype(float)


def _deviation(X: FloatArray, cells: list[tuple[NDArray[np.intp], NDArray[np.intp]]]) -> FloatArray:
    """Return the pooled deviation (d,) inside the cells; 1 for a column that never varies."""
    sides = [side for cell in cells for side in cell]
    residuals = np.concatenate([X[side] - X[side].mean(axis=0) for side in sides])
    deviation = np.sqrt((residuals**2).mean(axis=0, dtype=float))
    return np.where(deviation > 1e-12, deviation, 1.0).astype(X.dtype)
