"""Vectors beside their images under a metric, and the products that make them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Vectors:
    """R vectors of a space with an inner product.

    Attributes
    ----------
    coordinates : (R, m).
    images : (R, m) such that <u, v> = coordinates of u . images of v; the same object where the basis is
        orthonormal.
    """

    coordinates: Tensor
    images: Tensor

    @classmethod
    def zeros(cls, n: int, like: "Vectors") -> Self:
        """Return n vectors of the space of ``like``."""
        coordinates = like.coordinates.new_zeros(n, like.coordinates.shape[1])
        return cls(coordinates, coordinates if like.is_orthonormal else torch.zeros_like(coordinates))

    @property
    def is_orthonormal(self) -> bool:
        """Whether coordinates are their own images."""
        return self.images is self.coordinates

    def narrowed(self, rows: slice) -> "Vectors":
        """Return a view of some of the vectors."""
        coordinates = self.coordinates[rows]
        return Vectors(coordinates, coordinates if self.is_orthonormal else self.images[rows])

    def clone(self) -> "Vectors":
        """Return a copy."""
        coordinates = self.coordinates.clone()
        return Vectors(coordinates, coordinates if self.is_orthonormal else self.images.clone())

    def minus(self, other: "Vectors") -> "Vectors":
        """Return new vectors: the differences."""
        coordinates = self.coordinates - other.coordinates
        return Vectors(coordinates, coordinates if self.is_orthonormal else self.images - other.images)

    def copy_(self, other: "Vectors") -> None:
        """Take the values of other vectors."""
        for own, theirs in self._beside(other):
            own.copy_(theirs)

    def add_(self, other: "Vectors", factors: Tensor) -> None:
        """Add factors (R, 1) times other vectors."""
        for own, theirs in self._beside(other):
            own.addcmul_(theirs, factors)

    def scaled_(self, other: "Vectors", factors: Tensor) -> None:
        """Become factors (R, 1) times other vectors."""
        for own, theirs in self._beside(other):
            torch.mul(theirs, factors, out=own)

    def difference_(self, first: "Vectors", second: "Vectors") -> None:
        """Become the difference of two."""
        torch.sub(first.coordinates, second.coordinates, out=self.coordinates)
        if not self.is_orthonormal:
            torch.sub(first.images, second.images, out=self.images)

    def _beside(self, other: "Vectors") -> tuple[tuple[Tensor, Tensor], ...]:
        first = (self.coordinates, other.coordinates)
        return (first,) if self.is_orthonormal else (first, (self.images, other.images))


def product(A: Tensor, B: Tensor) -> Tensor:
    """Return A @ B; on a CPU by numpy's BLAS, which is the faster one on many of them."""
    if A.device.type != "cpu":
        return A @ B
    return torch.from_numpy(np.matmul(A.numpy(), B.numpy()))


def inner(A: Tensor, B: Tensor) -> Tensor:
    """Return the inner product of each row of A with that of B, (rows,)."""
    if A.device.type != "cpu":
        return (A * B).sum(dim=1)
    return torch.from_numpy(np.einsum("ij,ij->i", A.numpy(), B.numpy()))
