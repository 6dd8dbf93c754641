"""How many directions a set of directions amounts to: one for all categories, or one for each."""

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.concepts import class_codes, finite_matrix
from unsinter.probes.geometry.geometry import Metric
from unsinter.probes.stratified_permutation import stratified_permutations


def category_directions(X: FloatArray, categories: LabelArray, reference: FloatArray) -> FloatArray:
    """Return the mean of each category less the mean of the reference rows (n_categories, d).

    Parameters
    ----------
    X : (n, d) rows with a category, such as harmful prompts.
    categories : (n,) labels; rows of the result follow their sorted order.
    reference : (m, d) rows they are told from, such as harmless prompts.
    """
    X = finite_matrix(X)
    codes = class_codes(categories, len(X), name="categories")
    means = np.stack([X[codes == code].mean(axis=0) for code in range(int(codes.max()) + 1)])
    return means - finite_matrix(reference).mean(axis=0)


def effective_rank(directions: FloatArray, *, metric: Metric | None = None) -> float:
    """Return exp(entropy of the squared singular values, summing to one) of unit vectors along the rows.

    From 1, all directions along one line, to k, all orthogonal. With ``metric`` they are whitened first.

    Parameters
    ----------
    directions : (k, d).

    Raises
    ------
    ValueError : NaN, or a direction of length zero.

    References
    ----------
    Roy & Vetterli (2007), The effective rank.
    """
    s = np.linalg.svd(_units(directions, metric), compute_uv=False)
    p = s**2 / (s**2).sum()
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


def share_explained(directions: FloatArray, *, metric: Metric | None = None) -> float:
    """Return the share, 0 to 1, of the variance of k unit directions along their common direction.

    The common direction is that of their mean; the value is 1 where all agree and 1/k where they are
    orthogonal. Errors as in ``effective_rank``; 0 where they cancel.
    """
    units = _units(directions, metric)
    common = units.mean(axis=0)
    length = np.linalg.norm(common)
    return float(np.square(units @ (common / length)).mean()) if length > 1e-12 else 0.0


def random_ranks(n_directions: int, d: int, *, n: int = 200, seed: int = 0) -> FloatArray:
    """Return effective ranks (n,) of that many independent random directions of d dimensions."""
    rng = np.random.default_rng(seed)
    return np.array([effective_rank(rng.normal(size=(n_directions, d))) for _ in range(n)])


def permuted_ranks(
    X: FloatArray,
    categories: LabelArray,
    reference: FloatArray,
    *,
    groups: LabelArray,
    n: int = 200,
    seed: int = 0,
) -> FloatArray:
    """Return effective ranks (n,) with the categories of whole groups permuted.

    What is left is one common direction and sampling noise: an observed rank inside this range is no sign
    that categories have directions of their own. Parameters as in ``category_directions``; groups (n_rows,).
    """
    X = finite_matrix(X)
    drawn = stratified_permutations(np.asarray(categories), groups=groups, n=n, seed=seed)
    return np.array([effective_rank(category_directions(X, labels, reference)) for labels in drawn])


def _units(directions: FloatArray, metric: Metric | None) -> FloatArray:
    directions = finite_matrix(directions)
    if metric is not None:
        directions = metric.whiten(directions)
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise ValueError(
            f"direction {int(lengths.argmin())} has length zero and points nowhere; leave it out."
        )
    return directions / lengths
