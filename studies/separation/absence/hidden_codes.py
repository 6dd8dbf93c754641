"""Is there a code of a factor that no mean of all rows shows: in how rows spread, or turned from category
to category?

Exclusive-or, products and radii leave the mean of a cell where it is and change its covariance; a code that
is reversed between categories changes means within each of them only. Both make rows of one label alike, in
products of second degree or within a category. Whether likeness follows the label is tested against
shuffled labels: in all dimensions at once, which notices codes that are spread over many, and in the two
dimensions in which the label changes how rows spread the most, which is where a code of few dimensions
stands. At equal strength this notices codes that a trained non-linear probe is too weak for.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.probes.arrays import FloatArray
from unsinter.probes.permutation import shuffles_within
from unsinter.studies.separation.effects.residual_metric import Coordinates, ResidualMetric, least_squares

_N_SHUFFLES = 200

_N_SPREAD_SHUFFLES = 100

_LEADING = 160
"""Whitened components among which a change of spread is looked for."""

_MOST_ROWS = 4000
"""Groups that are compared; more add little and cost their square."""


def rows_beyond(
    sites: Coordinates, kinds: FloatArray, effect: FloatArray, representatives: NDArray[np.intp]
) -> Tensor:
    """Return what the other factor and all that is held fixed leave of one row per group (m, d), whitened.

    Rows are scaled so that the product of two is that of rows whitened by a metric that has seen neither, and
    what lies along an effect is left out.

    Parameters
    ----------
    kinds : (n, q) columns of the other factor and of what is held fixed.
    effect : (n,) weights of rows in the effect of the other factor.
    representatives : (m,) one row of each group.
    """
    residual, _ = least_squares(torch.as_tensor(kinds), sites.Y)
    metric = ResidualMetric.fit(residual, n_dimensions=sites.n_dimensions)
    axis = metric.whiten(torch.as_tensor(effect)[None] @ sites.Y)[0]
    white = metric.whiten(residual[torch.as_tensor(representatives)])
    white = white - torch.outer(white @ axis, axis) / axis.square().sum().clamp_min(1e-12)
    return metric.apart(white)


def hidden_code(
    rows: Tensor,
    labels: NDArray[np.integer],
    blocks: NDArray[np.intp],
    strata: NDArray[np.intp],
    *,
    seed: int,
) -> float:
    """Return by how many deviations of shuffled labels rows follow a label, the largest of three ways.

    Parameters
    ----------
    rows : (m, d) of ``rows_beyond``.
    labels : (m,) 0 or 1.
    blocks : (m,) codes of the other factor and what is held fixed, within which labels are shuffled.
    strata : (m,) codes of the category.
    """
    drawn = _shuffled(labels, blocks, np.random.default_rng(seed))
    likeness = rows @ rows.T
    likeness.fill_diagonal_(0)
    kernels = [likeness.square()]
    if len(np.unique(strata)) > 1:
        kernels.append(likeness * torch.as_tensor(strata[:, None] == strata[None]))
    R = torch.as_tensor(drawn, dtype=rows.dtype)
    values = [((R @ kernel) * R).sum(dim=1).numpy() for kernel in kernels]
    values.append(_changes_of_spread(rows, R[: _N_SPREAD_SHUFFLES + 1]))
    return max(map(_deviations, values))


def _shuffled(labels: NDArray[np.integer], blocks: NDArray[np.intp], rng: np.random.Generator) -> FloatArray:
    """Return the labels less the mean of their block (1 + n_shuffles, m): as they are, then shuffled within
    blocks."""
    size = np.maximum(np.bincount(blocks), 1)
    centred = labels - (np.bincount(blocks, weights=labels) / size)[blocks]
    return np.concatenate([centred[None], shuffles_within(centred, blocks, n=_N_SHUFFLES, rng=rng)])


def _changes_of_spread(rows: Tensor, R: Tensor) -> FloatArray:
    """Return for each labelling how much it changes the spread of rows along the two directions that it
    changes most.

    An exclusive-or or a product widens one direction and narrows another one, a radius widens two.
    """
    if rows.shape[1] > _LEADING:
        _, vectors = torch.linalg.eigh(rows.T @ rows)
        rows = rows @ vectors[:, -_LEADING:]
    changes = [torch.linalg.eigvalsh(rows.T @ (r[:, None] * rows)).abs() for r in R]
    return torch.stack([change.topk(min(2, len(change))).values.sum() for change in changes]).numpy()


def _deviations(values: FloatArray) -> float:
    """Return how far the first value lies above the others, in their deviations."""
    value, shuffled = float(values[0]), values[1:]
    spread = float(shuffled.std())
    return (value - float(shuffled.mean())) / spread if spread > 0 else 0.0


def one_row_per_group(groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the first row of each group (m,), at most ``_MOST_ROWS`` of them."""
    _, first = np.unique(groups, return_index=True)
    return np.asarray(np.sort(first)[:_MOST_ROWS], dtype=np.intp)
