"""Is a factor read by a probe that need not be linear, and may differ by category and by the other factor?"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from unsinter.probes.arrays import FloatArray
from unsinter.probes.weighted_auroc import auroc
from unsinter.studies.data.estimate import UNKNOWN, Estimate
from unsinter.studies.separation.effects.residual_metric import Coordinates, ResidualMetric, least_squares
from unsinter.studies.separation.inputs.folds import codes_by_occurrence

_LEAST_COMPONENTS = 40
_ROWS_PER_COMPONENT = 20
"""Rows per whitened component that a kernel is made of."""

_MOST_ROWS = 4000
"""Rows, of whole groups, that a kernel is made of; more add little and cost their square, or their cube."""

_RIDGE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRows:
    """What is known of the rows of a site.

    Attributes
    ----------
    labels, other : (n,) 0 or 1, of the factor that is tested and of the other one.
    strata, groups, folds : (n,) codes.
    fixed_columns : (n, q) columns whose linear part is taken out of the activations.
    axis : (n,) weights of rows in the effect of the other factor. What lies along that effect is left out: a
        factor that moves the same axis, or is told by errors in the other's label, is not one of its own.
    """

    labels: NDArray[np.integer]
    other: NDArray[np.integer]
    strata: NDArray[np.intp]
    groups: NDArray[np.intp]
    folds: NDArray[np.intp]
    fixed_columns: FloatArray
    axis: FloatArray

    def of(self, chosen: NDArray[np.intp]) -> "FactorRows":
        """Return the same of some rows."""
        return FactorRows(**{name: getattr(self, name)[chosen] for name in self.__slots__})


def nonlinear_auroc(sites: Coordinates, rows: FactorRows, *, level: float) -> Estimate:
    """Return the AUROC of a factor within strata and values of the other one, by the better of two kernel
    probes.

    One has straight terms, which may differ by stratum and by the other factor: it reads exclusive-or,
    products and codes that are reversed between categories. The other one has a Gaussian and a squared
    term: it reads radii. Targets are centred within blocks on the training rows; folds are those of whole
    groups. Of many rows the groups of some are drawn.
    """
    chosen = _drawn(rows.groups)
    P = _components(sites, rows.fixed_columns, torch.as_tensor(rows.axis) @ sites.Y, chosen)
    rows = rows.of(chosen)
    blocks = np.unique(np.stack([rows.other, rows.strata], axis=1), axis=0, return_inverse=True)[1]
    readings = [
        _auroc_within(
            _scores(kernel, rows.labels, blocks, rows.folds), rows.labels, blocks, rows.groups, level
        )
        for kernel in _kernels(P, torch.as_tensor(rows.other), torch.as_tensor(rows.strata))
    ]
    return max(readings, key=lambda estimate: estimate.low)


def _scores(
    kernel: Tensor, labels: NDArray[np.integer], blocks: NDArray[np.intp], folds: NDArray[np.intp]
) -> FloatArray:
    """Return held-out scores (n,) of kernel ridge regression."""
    scores = np.zeros(len(labels))
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        size = np.bincount(blocks[train], minlength=blocks.max() + 1)
        mean = np.bincount(blocks[train], weights=labels[train], minlength=blocks.max() + 1) / np.maximum(
            size, 1
        )
        target = torch.as_tensor(labels[train] - mean[blocks[train]])
        own = kernel[np.ix_(train, train)]
        own.diagonal().add_(_RIDGE)
        weights = torch.cholesky_solve(target[:, None], torch.linalg.cholesky(own))
        scores[test] = (kernel[np.ix_(test, train)] @ weights)[:, 0].numpy()
    return scores


def _drawn(groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows of whole groups, drawn until there are ``_MOST_ROWS``; all rows where they are fewer.

    Groups are drawn by their place, so that no name of a group decides.
    """
    if len(groups) <= _MOST_ROWS:
        return np.arange(len(groups))
    codes = codes_by_occurrence(groups)
    turn = np.random.default_rng(0).permutation(int(codes.max()) + 1)
    sizes = np.bincount(codes)[np.argsort(turn)]  # of the groups in their turn
    before = np.cumsum(sizes) - sizes
    return np.flatnonzero(before[turn[codes]] < _MOST_ROWS)


def _components(sites: Coordinates, columns: FloatArray, effect: Tensor, chosen: NDArray[np.intp]) -> Tensor:
    """Return leading whitened components (n_chosen, p) of what ``columns`` leaves, across an effect."""
    residual, _ = least_squares(torch.as_tensor(columns), sites.Y)
    metric = ResidualMetric.fit(residual, n_dimensions=sites.n_dimensions)
    kept = min(residual.shape[1], max(_LEAST_COMPONENTS, len(chosen) // _ROWS_PER_COMPONENT))
    _, vectors = torch.linalg.eigh(metric.factor @ metric.factor.T)
    P = residual[torch.as_tensor(chosen)] @ vectors[:, -kept:]
    spread = P.std(dim=0, correction=0).clamp_min(1e-12)
    P, along = P / spread, effect @ vectors[:, -kept:] / spread
    return P - torch.outer(P @ along, along) / along.square().sum().clamp_min(1e-12)


def _kernels(P: Tensor, other: Tensor, strata: Tensor) -> tuple[Tensor, Tensor]:
    """Return the straight and the curved kernel (n, n), both about 1 on the diagonal."""
    p = P.shape[1]
    straight = P @ P.T / p
    lengths = P.square().sum(dim=1)
    distance = (lengths[:, None] + lengths[None] - 2 * p * straight).clamp_min(0)
    gaussian = torch.exp(-distance / distance.median())
    square = straight.square()
    curved = (gaussian + square) / 2
    same_other = (other[:, None] == other[None]).double()
    same_stratum = (strata[:, None] == strata[None]).double()
    return straight * (same_other + same_stratum + 0.5) / 2.5, curved * (1 + same_other) / 2


def _auroc_within(
    scores: FloatArray,
    labels: NDArray[np.integer],
    blocks: NDArray[np.intp],
    groups: NDArray[np.intp],
    level: float,
) -> Estimate:
    """Return the AUROC inside blocks with limits as they are where nothing is read."""
    n1, n0 = (np.bincount(blocks, weights=labels == value) for value in (1, 0))
    compared = n1 * n0 > 0
    if not compared.any():
        return UNKNOWN
    n1, n0 = n1[compared], n0[compared]
    weight = n1 * n0 / (n1 + n0)
    variance = (weight**2 * (n1 + n0 + 1) / (12 * n1 * n0)).sum()
    # Every pair of rows counts with either as the test row, so the variance doubles; rows of a group are
    # alike.
    rows_per_group = len(groups) / len(np.unique(groups))
    width = float(norm.ppf(level)) * np.sqrt(2 * variance * rows_per_group) / weight.sum()
    [value] = auroc(scores, labels, strata=blocks)
    return Estimate(value, value - width, value + width)
