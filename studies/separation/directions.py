"""Double-difference directions of both factors, cross-fitted over folds of whole groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.probes.arrays import FloatArray
from unsinter.probes.shrunk_metric import ShrunkMetric, fit_metrics
from unsinter.studies.separation.comparison import Comparison

# Rows: combinations of the adjusted cell means (both, first_only, second_only, neither), one per probe.
_COMBINATIONS = torch.tensor(
    [[0.5, 0.5, -0.5, -0.5], [0.5, -0.5, 0.5, -0.5], [1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]],
    dtype=torch.float64,
)


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
    held fixed, so that the four cells weigh alike however often they occur. Cell means are adjusted for the
    strata by least squares (cells and strata add up), and the metric is the shrunk covariance within cells
    and strata: what category alone explains is in neither. A score is in standard deviations within a cell,
    measured from the middle of the four cells.

    A site costs one factorisation per fold; a further design costs a few products.

    Parameters
    ----------
    X : (n, d) finite activations.
    folds : (n,) fold of each row.

    References
    ----------
    Double differences over cells: arXiv:2603.05773.
    """
    x = torch.as_tensor(np.asarray(X, dtype=np.float32))
    found = [
        CrossFit(
            np.empty((len(_COMBINATIONS), len(x)), dtype=np.float32),
            np.zeros((len(design.comparisons), len(x)), dtype=np.float32),
        )
        for design in designs
    ]
    for fold, metric in enumerate(fit_metrics(x, folds)):
        kept, held_out = folds != fold, folds == fold
        seen = metric.standardise(x[torch.as_tensor(kept)])
        unseen = metric.standardise(x[torch.as_tensor(held_out)])
        for design, fit in zip(designs, found, strict=True):
            probes = _fit(metric, seen, design, kept)
            fit.scores[:, held_out] = probes.score(unseen)
            if design.comparisons:
                weights = np.stack([c.row_weights()[held_out] for c in design.comparisons])
                which = [c.probe for c in design.comparisons]
                fit.pull[:, kept] += probes.pull(metric, seen, unseen, weights, which)
    return found


class _Probes(NamedTuple):
    """Directions of one fold.

    Attributes
    ----------
    V : (4, d) of length 1 in the metric within cells; ``lengths`` (4,) are those of the raw directions.
    U : (r, d) with U'U the part of the covariance that cells and strata explain.
    leverage : (4, n_train) change of the raw direction's difference with the weight of each row.
    H, coefficients : indicators (n_train, 4 + n_strata) and their means (4 + n_strata, d).
    """

    V: Tensor
    lengths: Tensor
    U: Tensor
    centre: Tensor
    leverage: Tensor
    H: Tensor
    coefficients: Tensor

    def score(self, unseen: Tensor) -> NDArray[np.float32]:
        found = unseen @ self.V.T.float() - (self.V @ self.centre).float()
        return np.asarray(found.T.numpy())

    def pull(
        self,
        metric: ShrunkMetric,
        seen: Tensor,
        unseen: Tensor,
        weights: FloatArray,
        which: Sequence[int],
    ) -> NDArray[np.float32]:
        """Return (n_comparisons, n_train): see ``CrossFit.pull``; the metric is taken as fixed."""
        D = torch.as_tensor(weights) @ unseen.double()
        V = self.V[which]
        turned = _without(metric, self.U, D) - (D * V).sum(dim=1, keepdim=True) * V
        along = seen @ turned.T.float() - (self.H @ (self.coefficients @ turned.T)).float()
        scale = self.leverage[which] / self.lengths[which][:, None]
        return np.asarray((along.T * scale.float()).numpy())


def _fit(metric: ShrunkMetric, seen: Tensor, design: Design, train: NDArray[np.bool_]) -> _Probes:
    H = _indicators(design, train)
    moments = H.T @ H
    inverse = torch.linalg.pinv(moments, hermitian=True)
    coefficients = inverse @ (H.T.float() @ seen).double()
    values, turn = torch.linalg.eigh(moments / len(seen))
    U = (values.clamp_min(0).sqrt()[:, None] * turn.T) @ coefficients
    wanted = _COMBINATIONS @ coefficients[:4]
    V = _without(metric, U, wanted)
    lengths = (V * wanted).sum(dim=1).clamp_min(1e-12).sqrt()
    strata = H[:, 4:].mean(dim=0) @ coefficients[4:]
    return _Probes(
        V=V / lengths[:, None],
        lengths=lengths,
        U=U,
        centre=coefficients[:4].mean(dim=0) + strata,
        leverage=(_COMBINATIONS @ inverse[:4]) @ H.T,
        H=H,
        coefficients=coefficients,
    )


def _without(metric: ShrunkMetric, U: Tensor, wanted: Tensor) -> Tensor:
    """Return ``wanted`` (k, d) times the inverse of G - (1 - shrinkage) U'U (Woodbury)."""
    solved = metric.solve(torch.cat([wanted, U]))
    plain, between = solved[: len(wanted)], solved[len(wanted) :]
    small = torch.eye(len(U), dtype=torch.float64) / (1 - metric.shrinkage) - U @ between.T
    return plain + torch.linalg.solve(small, U @ plain.T).T @ between


def _indicators(design: Design, train: NDArray[np.bool_]) -> Tensor:
    """Return ones for the cell and the stratum of each training row (n_train, 4 + n_strata)."""
    columns = [torch.nn.functional.one_hot(torch.as_tensor(design.cells[train]), 4)]
    if design.strata is not None:
        strata = torch.as_tensor(design.strata)
        columns.append(torch.nn.functional.one_hot(strata, int(strata.max()) + 1)[torch.as_tensor(train)])
    return torch.cat(columns, dim=1).double()
