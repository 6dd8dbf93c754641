"""Where positions are in a padded batch, and what is copied out of a layer's stream there."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Spans = Sequence[Sequence[tuple[int, int]]]
"""Per row, the first token of each position and one past its last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlaces:
    """Where to look in a padded batch: one token per row and position, or the tokens of a span to pool."""

    bounds: Tensor
    """(n_rows, n_positions, 2) first token, and one past the last."""

    averaged: tuple[int, ...]
    """Positions that some row averages over several tokens."""

    spans: Tensor
    """(n_rows, n_averaged, n_tokens) true inside the span of each averaged position."""

    windows: tuple[tuple[int, int], ...]
    """Position and size of its windows, of those that are pooled by windows."""

    @classmethod
    def of(
        cls,
        spans: Spans,
        starts: Sequence[int],
        *,
        n_tokens: int,
        device: torch.device,
        windows: Sequence[int] = (),
    ) -> "BatchPlaces":
        """Return the places of ``spans`` in a batch whose rows begin at ``starts``."""
        bounds = torch.tensor(spans) + torch.tensor(starts)[:, None, None]
        first, past = bounds[..., 0], bounds[..., 1]
        windowed = tuple((position, size) for position, size in enumerate(windows) if size)
        is_long = ((past - first) > 1).any(dim=0)
        is_long[[position for position, _ in windowed]] = False
        averaged = tuple(is_long.nonzero()[:, 0].tolist())
        tokens = torch.arange(n_tokens)
        inside = (tokens >= first[:, averaged, None]) & (tokens < past[:, averaged, None])
        return cls(bounds=bounds.to(device), averaged=averaged, spans=inside.to(device), windows=windowed)

    def gather(self, stream: Tensor) -> Tensor:
        """Copy (n_rows, n_positions, d_model) out of the whole stream, so that the batch can be freed."""
        bounds = self.bounds.to(stream.device)
        taken = stream[torch.arange(len(bounds), device=stream.device)[:, None], bounds[..., 1] - 1]
        for column, position in enumerate(self.averaged):
            inside = self.spans[:, column].to(stream.device)
            # Padding is masked out rather than weighted by zero: it may hold NaN.
            total = stream.float().masked_fill(~inside[..., None], 0).sum(dim=1)
            taken[:, position] = (total / inside.sum(dim=1, keepdim=True)).to(taken.dtype)
        for position, size in self.windows:
            for row, (first, past) in enumerate(bounds[:, position].tolist()):
                taken[row, position] = largest_window(stream[row, first:past].float(), size).to(taken.dtype)
        return taken


def largest_window(tokens: Tensor, size: int) -> Tensor:
    """Return (d_model,) the largest mean of ``size`` neighbours, unit by unit, of tokens (n_tokens, d_model).

    Of fewer tokens than that, the mean of all.
    """
    size = min(size, len(tokens))
    return torch.nn.functional.avg_pool1d(tokens.T, size, stride=1).amax(dim=1)
