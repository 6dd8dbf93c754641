"""How far two factors move the activations, and whether along one axis: distances without noise bias.

The effects of both factors are the columns of D = [d_z, d_w], each with the other factor and all that is held
fixed in one least-squares fit. M = D' S^-1 D holds the squared Mahalanobis lengths of both and their inner
product: one axis means det M = 0, whichever value of a label is coded 1, wherever a graded quantity is cut,
and however unequally the two pull. The plug-in estimate of M is too large by the noise of D in every
dimension, so D is taken once from held-out groups and once from the others, whose noises are independent
(cross-validated Mahalanobis distances, Walther et al. 2016; rank of a multivariate regression, Anderson
1951).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.effects.design import EffectDesign, SplitWeights
from unsinter.studies.separation.effects.residual_metric import (
    Coordinates,
    ResidualMetric,
    least_squares,
    residual_moments,
)
from unsinter.studies.separation.effects.unit_pairs import square_sums
from unsinter.studies.study.run_options import part_done

FORMS = ("first", "second", "inner", "mixed", "like", "interaction")
"""The numbers of one design: squared lengths of both effects and their inner product, squared distances of
the cells where exactly one label is 1 and of those where the labels are alike, and of the interaction."""

_ONE, _OTHER = [0, 1, 0, 2, 3, 4], [0, 1, 1, 2, 3, 4]
"""Which two contrasts of ``EffectDesign`` each form multiplies."""

_INNER = FORMS.index("inner")
"""The form of two different contrasts."""

PARTS_PER_FOLD = 2
"""Parts of a fold: its metric, and its sums."""

_LEAST = 0.05
"""Of one minus a leverage: no row's residual is blown up further than this allows."""


@dataclass(slots=True, kw_only=True)
class Effects:
    """The forms of one design at one site, averaged over splits.

    Attributes
    ----------
    values : (6,) in the order of ``FORMS``.
    influence : (6, n) first-order change of each with the weight of a row.
    pairs : (3, 3) sums over pairs of units of the products by which the noise of M enters, over the monomials
        (zz, zw, ww) of the held-out unit's weights and of the other one's.
    pairs_alone : (3,) the same of the last three forms.
    axes : (2, n) place of each row along the sum of both effects, and along their difference, in standard
        deviations, held-out; cells keep their means, what is held fixed is taken out.
    """

    values: FloatArray
    influence: FloatArray
    pairs: FloatArray
    pairs_alone: FloatArray
    axes: FloatArray

    @property
    def axis(self) -> FloatArray:
        """Place of each row (n,) along the common axis: the sum where both effects pull the same way."""
        return self.axes[0 if self.values[2] >= 0 else 1]


def cross_validated_effects(
    sites: Coordinates,
    kinds: FloatArray,
    splits: SplitWeights,
    units: NDArray[np.intp],
) -> list[Effects]:
    """Return the forms of every design at one site; each fold is noted in ``PARTS_PER_FOLD`` parts.

    Parameters
    ----------
    sites : activations of the rows (n, d), in coordinates.
    kinds : (n, q) indicators whose fit leaves the residuals that the metric is made of.
    splits : the weights of every design in every fold.
    units : (n,) code of the group and kind of a row: rows of one unit weigh alike in every contrast.
    """
    n, designs, folds = len(sites.Y), splits.designs, splits.folds
    results = [
        Effects(
            values=np.zeros(len(FORMS)),
            influence=np.zeros((len(FORMS), n)),
            pairs=np.zeros((3, 3)),
            pairs_alone=np.zeros(3),
            axes=np.zeros((2, n)),
        )
        for _ in designs
    ]
    K, moments = torch.as_tensor(kinds), sites.Y.T @ sites.Y
    for number, split in enumerate(folds):
        n_folds = int(split.max()) + 1
        for fold in range(n_folds):
            train, test = (torch.as_tensor(np.flatnonzero(part)) for part in (split != fold, split == fold))
            one = _OneFold.of(sites, moments, K, train, test, torch.as_tensor(units))
            part_done()
            weights, share = splits.of(number, fold), 1.0 / (n_folds * len(folds))
            one.add(results, designs, weights, share=share, n_splits=len(folds), with_axis=number == 0)
            del one  # room for the next fold
            part_done()
    # A pair of rows counts where a split parts it: in most splits, so that averaging evens its weight out.
    n_folds = int(folds.max()) + 1
    evened = (1 + 1 / ((n_folds - 1) * len(folds))) * (n_folds - 1) / n_folds
    for effects in results:
        effects.pairs *= evened
        effects.pairs_alone *= evened
    return results


@dataclass(slots=True, kw_only=True)
class _OneFold:
    """A metric of the training rows, residuals of both parts, and their whitened sums over units."""

    Y: Tensor
    train: Tensor
    test: Tensor
    metric: ResidualMetric
    seen: Tensor
    unseen: Tensor
    white_test: Tensor
    white_train: Tensor
    unit_test: Tensor
    unit_train: Tensor

    @classmethod
    def of(
        cls,
        sites: Coordinates,
        moments: Tensor,
        kinds: Tensor,
        train: Tensor,
        test: Tensor,
        units: Tensor,
    ) -> "_OneFold":
        Y = sites.Y
        kept = Y[train]
        residual, leverage = least_squares(kinds[train], kept)
        # The held-out rows are few: their moments less than those of all rows cost a fraction.
        seen_moments = residual_moments(kinds[train], kept, moments - Y[test].T @ Y[test])
        del kept
        metric = ResidualMetric.fit(residual, n_dimensions=sites.n_dimensions, moments=seen_moments)
        # A training row is part of the metric that stretches it: without that, d near n makes errors too
        # small.
        damping = (1 - metric.leverage(residual)).clamp_min(_LEAST) * (1 - leverage).clamp_min(_LEAST).sqrt()
        seen = residual.div_(damping[:, None])
        unseen, leverage = least_squares(kinds[test], Y[test])
        unseen = unseen / (1 - leverage).clamp_min(_LEAST).sqrt()[:, None]
        unit_test, place_test = torch.unique(units[test], return_inverse=True)
        unit_train, place_train = torch.unique(units[train], return_inverse=True)
        return cls(
            Y=Y,
            train=train,
            test=test,
            metric=metric,
            seen=seen,
            unseen=unseen,
            white_test=_summed(metric.whiten(unseen), place_test, len(unit_test)),
            white_train=_summed(metric.whiten(seen), place_train, len(unit_train)),
            unit_test=place_test,
            unit_train=place_train,
        )

    def add(
        self,
        results: Sequence[Effects],
        designs: Sequence[EffectDesign],
        P: Sequence[tuple[FloatArray, FloatArray]],
        *,
        share: float,
        n_splits: int,
        with_axis: bool,
    ) -> None:
        """Add this fold's part to the forms of every design."""
        test = self.test.numpy()
        weights = [torch.as_tensor(np.concatenate([p[side] for p in P])) for side in (0, 1)]
        D_test, D_train = weights[0] @ self.Y[self.test], weights[1] @ self.Y[self.train]
        V_test, V_train = self.metric.solve(D_test), self.metric.solve(D_train)
        along_test, along_train = (self.unseen @ V_train.T).numpy(), (self.seen @ V_test.T).numpy()
        products = torch.einsum("jp,kp->jk", D_test, V_train).numpy()
        root = self._root(along_test, (V_train * D_train).sum(dim=1).numpy())
        unseen, kept = (torch.as_tensor(root)[:, None] * part for part in weights)
        for place, (effects, design) in enumerate(zip(results, designs, strict=True)):
            own = slice(5 * place, 5 * place + 5)
            self._add_forms(
                effects,
                share * np.outer(root[own], root[own]) * products[own, own],
                (share * unseen[own].numpy(), share * kept[own].numpy()),
                (root[own, None] * along_test.T[own], root[own, None] * along_train.T[own]),
            )
            if with_axis:
                effects.axes[:, test] = self._axes(design, V_train[own])
        monomials = self._monomials(unseen, self.unit_test), self._monomials(kept, self.unit_train)
        self._add_pairs(results, share**2 * n_splits, monomials)

    def _root(self, along: FloatArray, promised: FloatArray) -> FloatArray:
        """Return (5 k,) the root by which the metric misjudges held-out variance along each contrast."""
        variance = np.maximum((along**2).mean(axis=0), 1e-12)
        return np.asarray(np.sqrt(np.maximum(promised, 0) / variance))

    def _add_forms(
        self,
        effects: Effects,
        forms: FloatArray,
        weights: tuple[FloatArray, FloatArray],
        along: tuple[FloatArray, FloatArray],
    ) -> None:
        effects.values += (forms[_ONE, _OTHER] + forms[_OTHER, _ONE]) / 2
        for rows, p, x in zip((self.test, self.train), weights, along, strict=True):
            parts = p[_ONE] * x[_OTHER]
            parts[_INNER] = (p[0] * x[1] + p[1] * x[0]) / 2
            effects.influence[:, rows.numpy()] += parts

    def _add_pairs(self, results: Sequence[Effects], factor: float, monomials: tuple[Tensor, Tensor]) -> None:
        sums = factor * square_sums(self.white_test, self.white_train, *monomials).numpy()
        for effects, own in zip(results, sums, strict=True):
            effects.pairs += own[:3, :3]
            effects.pairs_alone += np.diag(own)[3:]

    def _monomials(self, p: Tensor, unit: Tensor) -> Tensor:
        """Return products of weights (k, 6, n_units) by design: zz, zw, ww, squares of the last three."""
        n_units = int(unit.max()) + 1
        mean = _summed(p.T, unit, n_units) / torch.bincount(unit, minlength=n_units)[:, None]
        z, w, *alone = mean.T.reshape(-1, 5, n_units).unbind(dim=1)
        return torch.stack([z * z, z * w, w * w, *(x * x for x in alone)], dim=1).float()

    def _axes(self, design: EffectDesign, V: Tensor) -> FloatArray:
        """Return held-out places (2, n_test) along the sum of both effects, and along their difference."""
        directions = torch.stack([V[0] + V[1], V[0] - V[1]])
        places = (self.Y[self.test] @ directions.T).numpy()
        spread = (self.unseen @ directions.T).std(dim=0).clamp_min(1e-12).numpy()
        return (
            np.stack([design.without_held(self.test.numpy(), column) for column in places.T])
            / spread[:, None]
        )


def _summed(rows: Tensor, place: Tensor, n: int) -> Tensor:
    """Return rows (m, k) summed by place (n, k)."""
    return torch.zeros((n, rows.shape[1]), dtype=rows.dtype).index_add_(0, place, rows)
