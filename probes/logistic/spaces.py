"""Where weights live: as combinations of training rows, or column by column. Both are solved alike."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from unsinter.probes.logistic.log_loss import LogLoss
from unsinter.probes.logistic.vectors import Vectors, product


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadingDirections:
    """k leading directions of the second moments of the rows, orthonormal in the space.

    Attributes
    ----------
    basis : (k, m). eigenvalues : (k,) descending.
    """

    basis: Vectors
    eigenvalues: Tensor

    def precondition(
        self, q: Vectors, curvature: Tensor, *, penalty: float, losses: LogLoss, out: Vectors
    ) -> None:
        """Write q / (curvature x second moments + penalty) into ``out``; curvature (T,) is one per fit.

        What the directions do not span counts as having the least of their eigenvalues.
        """
        k = len(self.eigenvalues)
        least = curvature * self.eigenvalues[-1] + penalty if k else torch.full_like(curvature, penalty)
        out.scaled_(q, losses.spread(1 / least))
        if k:
            known = curvature[:, None] * self.eigenvalues + penalty
            turned = product(q.images, self.basis.coordinates.T)
            turned *= (1 / known - 1 / least[:, None])[losses.owner]
            out.coordinates.add_(product(turned, self.basis.coordinates))
            if not out.is_orthonormal:
                out.images.add_(product(turned, self.basis.images))


class Space(Protocol):
    """Turns gradients by logits into gradients by weights, and weights into logits."""

    directions: LeadingDirections

    def zeros(self, n: int) -> Vectors:
        """Return n vectors of zeros."""

    def gradient(self, G: Tensor, at: Vectors, out: Vectors, *, penalty: float, task: "Moving") -> None:
        """Write the gradient at weights ``at``, from that by the logits G (R, n), into ``out``."""

    def logits(self, v: Vectors, intercept: Tensor, *, task: "Moving", out: Tensor) -> None:
        """Write the linear part plus intercept (R,) of each row into ``out`` (R, n)."""

    def narrowed(self, rows: slice) -> "Space":
        """Return the space for some of the vectors."""


@dataclass(frozen=True, slots=True)
class Moving:
    """Fits under way and the rows of theirs for which a product is needed."""

    losses: LogLoss
    rows: Tensor | slice

    @classmethod
    def of(cls, losses: LogLoss, is_moving: Tensor) -> "Moving":
        """Return those of the mask (T,)."""
        rows = torch.nonzero(is_moving[losses.owner] & losses.is_free)[:, 0]
        return cls(losses, slice(None) if len(rows) == len(losses.owner) else rows)


class RowSpace:
    """Weights X' a of rows X (n, d), by their coordinates a (n,); the metric is the Gram matrix X X'.

    One product with the Gram matrix per iteration gives the gradient's image, which is its logits as well.
    Every image is kept, so that inner products, logits along a direction and steps need no other.
    """

    def __init__(self, gram: Tensor, *, n_directions: int) -> None:
        self.gram = gram
        self.directions = _gram_directions(gram, n=n_directions)

    def zeros(self, n: int) -> Vectors:
        """Return n vectors of zeros."""
        coordinates = self.gram.new_zeros(n, len(self.gram))
        return Vectors(coordinates, torch.zeros_like(coordinates))

    def gradient(self, G: Tensor, at: Vectors, out: Vectors, *, penalty: float, task: Moving) -> None:
        """Write G + penalty a; its image follows by one product."""
        torch.add(G, at.coordinates, alpha=penalty, out=out.coordinates)
        out.images[task.rows] = product(out.coordinates[task.rows], self.gram)
        task.losses.fill_last(out.images)

    def logits(self, v: Vectors, intercept: Tensor, *, task: Moving, out: Tensor) -> None:
        """Write images plus intercept."""
        torch.add(v.images, intercept[:, None], out=out)

    def narrowed(self, rows: slice) -> "RowSpace":
        """Return itself: the matrix is one for all."""
        return self


class WeightSpace:
    """Weights of columns, each fit's in its own standardised units.

    Parameters
    ----------
    values : (n, d) shared by all fits.
    mean, inverse : (R, d) the scaler of each row of logits, in units of ``values``.
    directions : of the second moments of ``values``.
    """

    def __init__(self, values: Tensor, mean: Tensor, inverse: Tensor, directions: LeadingDirections) -> None:
        self.values, self.mean, self.inverse, self.directions = values, mean, inverse, directions

    def zeros(self, n: int) -> Vectors:
        """Return n vectors of zeros."""
        weights = self.values.new_zeros(n, self.values.shape[1])
        return Vectors(weights, weights)

    def gradient(self, G: Tensor, at: Vectors, out: Vectors, *, penalty: float, task: Moving) -> None:
        """Write standardised X' G + penalty w."""
        own = G[task.rows]
        raw = product(own, self.values)
        raw -= self.mean[task.rows] * own.sum(dim=1, keepdim=True)
        raw *= self.inverse[task.rows]
        raw += penalty * at.coordinates[task.rows]
        out.coordinates[task.rows] = raw
        task.losses.fill_last(out.coordinates)

    def logits(self, v: Vectors, intercept: Tensor, *, task: Moving, out: Tensor) -> None:
        """Write standardised X w plus intercept; the last row of a softmax follows from the others."""
        rows = task.rows
        U = v.coordinates[rows] * self.inverse[rows]
        offset = intercept[rows] - (U * self.mean[rows]).sum(dim=1)
        out[rows] = product(U, self.values.T).add_(offset[:, None])
        task.losses.fill_last(out)

    def narrowed(self, rows: slice) -> "WeightSpace":
        """Return the space of some rows of logits."""
        return WeightSpace(self.values, self.mean[rows], self.inverse[rows], self.directions)


def _gram_directions(gram: Tensor, *, n: int) -> LeadingDirections:
    """Return Ritz functions of the second moments, after one power pass over random rows.

    Halko et al. 2011, arXiv:0909.4061, in the metric of the rows; all that a preconditioner needs.
    """
    rows = len(gram)
    generator = torch.Generator(device=gram.device).manual_seed(0)
    start = torch.randn(rows, min(n, rows), generator=generator, device=gram.device, dtype=gram.dtype)
    basis = torch.linalg.qr(product(gram, start)).Q
    images = product(gram, basis)
    square = product(basis.T, images).double()
    sizes, turn = torch.linalg.eigh((square + square.T) / 2)
    kept = sizes > 1e-6 * sizes[-1].clamp_min(1e-30)
    turn = turn[:, kept] / sizes[kept].sqrt()
    moments = turn.T @ product(images.T, images).double() @ turn / rows
    eigenvalues, ritz = torch.linalg.eigh(moments)
    turn = (turn @ ritz).flip(1).to(gram.dtype)
    return LeadingDirections(
        basis=Vectors(product(basis, turn).T.contiguous(), product(images, turn).T.contiguous()),
        eigenvalues=eigenvalues.flip(0).clamp_min(0).to(gram.dtype),
    )
