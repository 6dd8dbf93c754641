"""The weakest linear code of a factor that would have been noticed, had these activations held one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from unsinter.probes.arrays import FloatArray
from unsinter.probes.permutation import shuffles_within
from unsinter.studies.separation.effects.design import EffectDesign
from unsinter.studies.separation.effects.residual_metric import Coordinates, ResidualMetric, least_squares

N_SPIKES = 30
"""Codes planted, each with labels of its own and both ways round: on random axes, on leading ones, on the
other factor's axis."""

_AUROCS = np.arange(0.55, 0.905, 0.01)
_NOTICED = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """When an effect of squared length ``value``, with an error, is taken for absent.

    Attributes
    ----------
    most : squared length that the whole band must lie below.
    critical : standard errors from a value to its limit.
    """

    most: float
    critical: float

    def holds(self, value: FloatArray, error: FloatArray) -> NDArray[np.bool_]:
        """Return whether each value (n,) would be taken for no effect."""
        width = self.critical * error
        return np.asarray((value + width < self.most) & (value - width <= 0))


class MetricFold(NamedTuple):
    """One fold's metric, which all factors share, and the columns of the rows that it has not seen."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    metric: ResidualMetric
    kinds: Tensor

    def unseen(self, Y: Tensor) -> Tensor:
        """Return the residuals of the rows that the metric has not seen, from all rows Y (n, p)."""
        residual, leverage = least_squares(self.kinds, Y[self.test])
        return residual.div_((1 - leverage).clamp_min(0.05).sqrt()[:, None])


def metric_folds(sites: Coordinates, kinds: FloatArray, folds: NDArray[np.intp]) -> list[MetricFold]:
    """Return the metrics of the folds (n,) of one split; ``kinds`` as in ``cross_validated_effects``."""
    made = []
    for fold in range(int(folds.max()) + 1):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        residual, _ = least_squares(torch.as_tensor(kinds[train]), sites.Y[train])
        metric = ResidualMetric.fit(residual, n_dimensions=sites.n_dimensions)
        made.append(MetricFold(train, test, metric, torch.as_tensor(kinds[test])))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Spiked:
    """A factor whose code is planted into activations.

    Attributes
    ----------
    Y : (n, p) activations in coordinates.
    folds : the metrics of one split.
    design : both factors over the rows.
    blocks : (n,) codes of the other factor and what is held fixed.
    second : plant the second factor, else the first.
    """

    Y: Tensor
    folds: Sequence[MetricFold]
    design: EffectDesign
    blocks: NDArray[np.intp]
    second: bool


def noticed_from(spiked: Spiked, *, pairs: float, absence: Absence, seed: int) -> float:
    """Return the AUROC from which a planted code of a factor is noticed in 95 % of spikes; 1 if none is.

    Each spike draws the factor's labels anew within blocks, adds a multiple of them along an axis to these
    very activations, and takes the squared length of its effect as ``cross_validated_effects`` does. As the
    effect is linear in what is added, all sizes of a spike cost one fit. The AUROC is what a reader that
    knows the axis reaches in the metric of the training rows.

    Parameters
    ----------
    pairs : variance of the squared length where there is no effect.
    """
    rng = np.random.default_rng(seed)
    Y, design, second = spiked.Y, spiked.design, spiked.second
    labels = shuffles_within(design.w if second else design.z, spiked.blocks, n=N_SPIKES, rng=rng)
    axes = _axes(Y, design, second, rng)
    sizes = torch.zeros((3, N_SPIKES), dtype=torch.float64)
    for fold in spiked.folds:
        D_test, D_train = (_effects(design, labels, rows, Y, second) for rows in (fold.test, fold.train))
        solved = fold.metric.solve(torch.cat([D_train, axes]))
        V, A = solved[:N_SPIKES], solved[N_SPIKES:]
        length = (A * axes).sum(dim=1)
        truth = length / (fold.unseen(Y) @ A.T).square().mean(dim=0)
        for place, part in enumerate(
            ((D_test * V).sum(dim=1), (D_test * A).sum(dim=1) + (axes * V).sum(dim=1), length)
        ):
            sizes[place] += truth * part / len(spiked.folds)
    return _noticed(sizes.numpy(), pairs, _row_weight(design, second), absence)


def _noticed(sizes: FloatArray, pairs: float, row_weight: float, absence: Absence) -> float:
    """Return the AUROC from which on enough spikes are noticed at every larger one.

    ``sizes`` (3, n_spikes): the squared length is size_0 + x size_1 + x^2 size_2 at multiple x of an axis. A
    spike on an axis along which nothing varies has no size, and counts as not noticed.
    """
    has_size = np.isfinite(sizes).all(axis=0) & (sizes[2] > 0)
    usable, sizes = has_size.mean(), sizes[:, has_size]
    if not sizes.size:
        return 1.0
    squared = 2 * norm.ppf(_AUROCS) ** 2
    multiple = np.sqrt(squared[:, None] / sizes[2])
    # Either value of the label may be the one that is added.
    either = np.concatenate([multiple, -multiple], axis=1) * np.tile(sizes[1], 2)
    value = np.tile(sizes[0], 2) + either + squared[:, None]
    error = np.sqrt(pairs + 4 * squared[:, None] * row_weight)
    share = usable * (1 - absence.holds(value, np.broadcast_to(error, value.shape)).mean(axis=1))
    enough = np.flip(np.logical_and.accumulate(np.flip(share >= _NOTICED)))
    return float(_AUROCS[enough.argmax()]) if enough.any() else 1.0


def _axes(Y: Tensor, design: EffectDesign, second: bool, rng: np.random.Generator) -> Tensor:
    """Return axes (n_spikes, p): a third random, a third leading, a third the other factor's effect."""
    third = N_SPIKES // 3
    _, vectors = torch.linalg.eigh(Y.T @ Y)
    leading = vectors.T[-third:]
    drawn = torch.as_tensor(rng.standard_normal((2 * third - len(leading), Y.shape[1])))
    other = torch.as_tensor(design.weights(np.arange(len(Y)))[0 if second else 1]) @ Y
    axes = torch.cat([drawn, leading, other.expand(N_SPIKES - 2 * third, -1)])
    return axes / axes.norm(dim=1, keepdim=True).clamp_min(1e-12)


def _effects(
    design: EffectDesign, labels: FloatArray, rows: NDArray[np.intp], Y: Tensor, second: bool
) -> Tensor:
    """Return the effect (n_spikes, p) of each drawing of the labels, all else held fixed."""
    other = (design.z if second else design.w)[rows, None]
    fixed = [other, design.fixed_columns[rows], (design.fixed_second if second else design.fixed_first)[rows]]
    H = torch.as_tensor(np.hstack(fixed))
    drawn, _ = least_squares(H, torch.as_tensor(labels[:, rows].T))
    weights = drawn / drawn.square().sum(dim=0).clamp_min(1e-12)
    return weights.T @ Y[rows]


def _row_weight(design: EffectDesign, second: bool) -> float:
    """Return the sum of squared weights of rows in the effect."""
    weights = design.weights(np.arange(len(design.z)))[1 if second else 0]
    return float((weights**2).sum())
