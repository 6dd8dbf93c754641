"""The direction of a class in activations, from training rows, and directions that stand for nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.probes.geometry.contrasts import contrast_rows
from unsinter.probes.permutation import stratified_permutations

FEWEST_GROUPS = 5
"""Training groups that each of four cells needs before a direction holds the other factor fixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalContrast:
    """Training rows of a class and of what it is set against.

    Attributes
    ----------
    factor, name : the target, as D, and the class, as ``harmful``.
    rows : (n,) places of the training rows.
    inside : (n,) whether a row is of the class.
    fixed : (n,) 1 or 0, the other factor's class of each row; None where it is not held fixed.
    fixed_factor : its name; empty where none is.
    """

    factor: str
    name: str
    rows: NDArray[np.intp]
    inside: BoolArray
    fixed: BoolArray | None = None
    fixed_factor: str = ""

    def direction(self, X: FloatArray, labels: BoolArray | None = None) -> FloatArray:
        """Return the class direction (d,) of activations X (n, d) of these rows.

        It is the difference of the class means (Arditi et al. 2024, Marks & Tegmark 2023); with the other
        factor held fixed the double difference of the four cell means, as the verdicts have it. ``labels``
        (n,) take the place of the true ones.
        """
        inside = self.inside if labels is None else labels
        if self.fixed is None:
            return np.asarray(X[inside].mean(axis=0) - X[~inside].mean(axis=0))
        return np.asarray(contrast_rows(inside.astype(int), self.fixed.astype(int))[0, 0] @ X)

    def permuted(self, X: FloatArray, groups: NDArray[np.generic], *, n: int, seed: int) -> FloatArray:
        """Return directions (n, d) of labels permuted in whole groups, the other factor's classes kept.

        Raises
        ------
        ValueError : no two groups can trade labels.
        """
        drawn = stratified_permutations(
            self.inside.astype(int), groups=groups, strata=self.fixed, n=n, seed=seed
        )
        return np.stack([self.direction(X, labels.astype(bool)) for labels in drawn])


def hold_fixed(
    contrast: CausalContrast, other: BoolArray, factor: str, groups: NDArray[np.generic]
) -> CausalContrast:
    """Return the contrast with another factor (n,) held fixed, where each of four cells has enough groups."""
    for first in (False, True):
        for second in (False, True):
            cell = (contrast.inside == first) & (other == second)
            if len(set(groups[cell].tolist())) < FEWEST_GROUPS:
                return contrast
    return CausalContrast(
        factor=contrast.factor,
        name=contrast.name,
        rows=contrast.rows,
        inside=contrast.inside,
        fixed=other,
        fixed_factor=factor,
    )


def random_directions(X: FloatArray, *, n: int, seed: int) -> FloatArray:
    """Return directions (n, d) drawn from a normal of the covariance of activations X (n_rows, d)."""
    centred = X - X.mean(axis=0)
    weights = np.random.default_rng(seed).standard_normal((n, len(X)))
    return np.asarray(weights @ centred / np.sqrt(len(X)))


def scaled(directions: FloatArray, like: FloatArray) -> FloatArray:
    """Return directions (n, d) with the length of another (d,)."""
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    return np.asarray(directions * np.linalg.norm(like) / np.where(lengths > 0, lengths, 1.0))


def apart_from(direction: FloatArray, others: Sequence[FloatArray]) -> FloatArray:
    """Return the part of a direction (d,) at right angles to all others."""
    if not others:
        return direction
    basis, _ = np.linalg.qr(np.stack(list(others), axis=1))
    return np.asarray(direction - basis @ (basis.T @ direction))
