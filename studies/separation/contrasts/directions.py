"""Double-difference directions of both factors, cross-fitted over folds of whole groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from unsinter.probes.arrays import FloatArray
from unsinter.probes.shrunk_covariance import ShrunkCovariance, fold_covariances
from unsinter.studies.separation.contrasts.cell_means import PROBES, CellMeans
from unsinter.studies.separation.contrasts.comparison import Comparison
from unsinter.studies.study.run_options import part_done

_LEAST = 0.05
"""Of one minus a leverage: no row's pull is blown up further than this allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The cells of one labelling over the rows that share X, and what will be compared.

    Attributes
    ----------
    cells : (n,) places in ``CELLS``.
    strata : (n,) codes from 0 of the category held fixed, or None.
    """

    cells: NDArray[np.intp]
    strata: NDArray[np.intp] | None
    comparisons: Sequence[Comparison]

    def indicators(self, rows: NDArray[np.bool_]) -> Tensor:
        """Return ones for the cell and the stratum of each of ``rows`` (n_rows, 4 + n_strata)."""
        columns = [one_hot(torch.as_tensor(self.cells[rows]), 4)]
        if self.strata is not None:
            strata = torch.as_tensor(self.strata)
            columns.append(one_hot(strata, int(strata.max()) + 1)[torch.as_tensor(rows)])
        return torch.cat(columns, dim=1).double()


class CrossFit(NamedTuple):
    """What one site gives one design.

    Attributes
    ----------
    scores : (4, n) of each probe, every row by directions of other folds; see ``cross_fitted``.
    pull : (n_comparisons, n) change of a comparison's mean difference, in standard deviations, with the
        weight of a row in training.
    """

    scores: NDArray[np.float32]
    pull: NDArray[np.float32]


def cross_fitted(X: FloatArray, designs: Sequence[Design], folds: NDArray[np.intp]) -> list[CrossFit]:
    """Return scores of every row by directions that have not seen its group, for each design.

    The direction of a factor is its double difference: the mean of its two differences with the other factor
    held fixed, in the metric of the shrunk covariance of activations as it would be if the four cells were
    equally frequent (within cells, and from one value of the other factor to the other). That is the least
    squares probe of the factor with the four cells weighing alike, however often they occur: it reads its
    factor whatever the other one is. Cell means are adjusted for the strata by least squares (cells and
    strata add up), so that what category alone explains is in neither means nor metric. A score is in
    standard deviations within a cell, measured from the middle of the four cells.

    A site costs one factorisation per fold; all designs are solved together. Each fold is noted as a part.

    Parameters
    ----------
    X : (n, d) finite activations.
    folds : (n,) fold of each row.

    References
    ----------
    Double differences over cells: arXiv:2603.05773.
    """
    x = torch.as_tensor(np.asarray(X, dtype=np.float32))
    fits = [
        CrossFit(
            np.empty((len(PROBES), len(x)), dtype=np.float32),
            np.zeros((len(design.comparisons), len(x)), dtype=np.float32),
        )
        for design in designs
    ]
    for fold, metric in enumerate(fold_covariances(x, folds)):
        kept, held_out = folds != fold, folds == fold
        seen = metric.standardise(x[torch.as_tensor(kept)])
        unseen = metric.standardise(x[torch.as_tensor(held_out)])
        differences = _differences(designs, held_out, unseen)
        fitted = _fit(metric, [design.indicators(kept) for design in designs], seen, differences)
        turned, wanted = [], []
        for design, fit, (means, difference, solved) in zip(designs, fits, fitted, strict=True):
            directions = means.directions()
            V = torch.stack([direction.v for direction in directions])
            fit.scores[:, held_out] = (unseen @ V.T.float() - (V @ means.centre).float()).T.numpy()
            for place, comparison in enumerate(design.comparisons):
                direction = directions[comparison.probe]
                turned.append(means.turned(direction, difference[place], solved[place]))
                wanted.append((fit, place, means, direction))
        if turned:
            # A training row is part of the metric that stretches it: without that, bands at d near n are
            # narrow.
            damping = (1 - metric.leverage(seen)).clamp_min(_LEAST).float()
            along = seen @ torch.stack(turned).T.float()
            for column, (fit, place, means, direction) in enumerate(wanted):
                pull = means.pull(direction, along[:, column], turned[column]) / damping
                fit.pull[place, kept] += pull.numpy()
        part_done()
    return fits


def _differences(designs: Sequence[Design], held_out: NDArray[np.bool_], unseen: Tensor) -> list[Tensor]:
    """Return the mean differences (n_comparisons, d) over the held-out rows, for each design."""
    weights = [c.row_weights()[held_out] for design in designs for c in design.comparisons]
    if not weights:
        return [unseen.new_zeros((0, unseen.shape[1])).double() for _ in designs]
    D = torch.as_tensor(np.stack(weights)) @ unseen.double()
    return list(torch.split(D, [len(design.comparisons) for design in designs]))


def _fit(
    metric: ShrunkCovariance, indicators: Sequence[Tensor], seen: Tensor, differences: Sequence[Tensor]
) -> list[tuple[CellMeans, Tensor, Tensor]]:
    """Return means, differences and solved differences of each design, all solved in one call."""
    sums = torch.split(
        (torch.cat(list(indicators), dim=1).T.float() @ seen).double(), [H.shape[1] for H in indicators]
    )
    inverses = [torch.linalg.pinv(H.T @ H, hermitian=True) for H in indicators]
    means = [inverse @ total for inverse, total in zip(inverses, sums, strict=True)]
    solved = torch.split(
        metric.solve(torch.cat([*means, *differences])), [len(m) for m in [*means, *differences]]
    )
    return [
        (
            CellMeans.of(H, inverses[i], means[i], solved[i], metric.shrinkage),
            differences[i],
            solved[len(means) + i],
        )
        for i, H in enumerate(indicators)
    ]
