"""Directions taken out of a stream, or put into it, while a model reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.features.rendering.rendering import RenderedPrompt
from unsinter.probes.arrays import FloatArray
from unsinter.studies.causal.places import Places, tokens_at


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlace:
    """Where in a stream a direction is changed.

    Attributes
    ----------
    layers : counted as everywhere: 0 the embedding output, l the output of block l.
    position : only its tokens; None is every token.
    """

    layers: tuple[int, ...]
    position: str | None = None

    def mask(self, rows: Sequence[RenderedPrompt], stream: Tensor, *, first: int) -> Tensor | None:
        """Return which tokens of a stream from ``first`` on change (n_rows, n_tokens, 1); None is all."""
        if self.position is None:
            return None
        inside = np.stack([tokens_at(row, self.position) for row in rows])
        return torch.tensor(inside[:, first : first + stream.shape[1]], device=stream.device)[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Sets a stream's coordinate on a direction to its mean over training prompts, at each place its own.

    Attributes
    ----------
    direction : (d_model,) of any length above zero.
    means : layer -> mean stream of each place (n_places, d_model); None takes zero for every mean, which
        projects the direction out.
    """

    direction: FloatArray
    where: ChangePlace
    places: Places | None = None
    means: Mapping[int, NDArray[np.float64]] | None = None

    @property
    def layers(self) -> Sequence[int]:
        """Layers at which the stream is changed."""
        return self.where.layers

    def change(self, layer: int, stream: Tensor, rows: Sequence[RenderedPrompt], *, first: int = 0) -> Tensor:
        """Return the stream (n_rows, n_tokens, d_model) without what varies along the direction."""
        length = float(np.linalg.norm(self.direction))
        unit = torch.tensor(self.direction / length, device=stream.device, dtype=torch.float32)
        coordinate = stream.float() @ unit
        if self.means is not None and self.places is not None:
            own = self.means[layer] @ (np.asarray(self.direction, dtype=float) / length)
            places = np.stack([self.places.index(row) for row in rows])
            wanted = own[places[:, first : first + stream.shape[1]]]
            coordinate = coordinate - torch.tensor(wanted, device=stream.device, dtype=torch.float32)
        return _moved(stream, -coordinate[..., None] * unit, self.where.mask(rows, stream, first=first))


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """Adds a vector (d_model,) to a stream."""

    vector: FloatArray
    where: ChangePlace

    @property
    def layers(self) -> Sequence[int]:
        """Layers at which the stream is changed."""
        return self.where.layers

    def change(self, layer: int, stream: Tensor, rows: Sequence[RenderedPrompt], *, first: int = 0) -> Tensor:
        """Return the stream (n_rows, n_tokens, d_model) with the vector added to its tokens."""
        vector = torch.tensor(np.asarray(self.vector), device=stream.device, dtype=torch.float32)
        return _moved(stream, vector.expand_as(stream), self.where.mask(rows, stream, first=first))


def _moved(stream: Tensor, by: Tensor, mask: Tensor | None) -> Tensor:
    moved = (stream.float() + by).to(stream.dtype)
    return moved if mask is None else torch.where(mask, moved, stream)
