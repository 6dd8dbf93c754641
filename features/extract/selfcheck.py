"""A few rows run alone and in a batch: how far batching moves an activation on this machine."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from unsinter.cache.errors import UnsinterError
from unsinter.features.extract.forward import Spans, StreamReader
from unsinter.features.rendering.rendering import RenderedPrompt

logger = logging.getLogger(__name__)

# Largest deviation, relative to the row's own length, that rounding alone explains.
TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}


class PaddingError(UnsinterError, ValueError):
    """The model cannot be read with the asked padding side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Largest difference between a row run alone and the same row run in a padded batch."""

    max_abs: float
    """In activation units."""

    max_relative: float
    """Euclidean length of the difference over that of the row run alone; worst row, layer and position."""

    tolerance: float
    n_rows: int

    @property
    def is_within(self) -> bool:
        """Whether the deviation is what rounding alone explains."""
        return self.max_relative <= self.tolerance


def self_check(
    reader: StreamReader,
    rows: Sequence[RenderedPrompt],
    spans: Spans,
    *,
    layers: Sequence[int],
    windows: Sequence[int] = (),
) -> tuple[StreamReader, Deviation]:
    """Compare a few rows of different lengths, and settle who counts positions under left padding.

    Returns the reader to use and its deviation, and logs a warning above the tolerance of the dtype. Where
    it is padding that moves the numbers (some encoders mix padding in), the reader returned uses none.

    Raises
    ------
    PaddingError : left padding changes the numbers whichever way positions are given.
    """
    picked = _spread(rows)
    some_rows, some_spans = [rows[i] for i in picked], [spans[i] for i in picked]
    plain = replace(reader, padding_side="right", first_position=None)
    pooled = {"layers": layers, "windows": windows}
    alone = torch.cat(
        [plain.read([row], [span], **pooled) for row, span in zip(some_rows, some_spans, strict=True)], dim=1
    )
    readers = [reader]
    if reader.padding_side == "left":
        readers += [replace(reader, first_position=first) for first in _first_positions(reader)]
    best: tuple[StreamReader, Deviation] | None = None
    for candidate in readers:
        try:
            together = candidate.read(some_rows, some_spans, **pooled)
        except TypeError:
            continue  # this model's forward takes no position ids
        difference = _deviation(alone, together, dtype=reader.model.dtype)
        if best is None or difference.max_relative < best[1].max_relative:
            best = candidate, difference
    assert best is not None
    chosen, deviation = best
    if deviation.is_within:
        return chosen, deviation
    message = (
        f"{reader.model.name}: rows differ by {deviation.max_relative:.2g} (relative) between running "
        "alone and "
        f"in a batch padded on the {reader.padding_side}; {reader.model.dtype} rounding explains "
        f"{deviation.tolerance:g}"
    )
    if reader.padding_side == "left":
        raise PaddingError(f"{message}; use padding_side='right'.")
    pairs = zip(some_rows, some_spans, strict=True)
    unpadded = torch.cat([plain.read([r, r], [span, span], **pooled)[:, :1] for r, span in pairs], dim=1)
    difference = _deviation(alone, unpadded, dtype=reader.model.dtype)
    if difference.is_within:
        logger.warning("%s; only rows of equal length will share a batch", message)
        return replace(plain, padded=False), difference
    logger.warning("%s", message)
    return chosen, deviation


def _first_positions(reader: StreamReader) -> list[int]:
    """List where a model may start to count: at zero, or past the padding index of its position table."""
    tables = [
        module
        for path, module in reader.model.backbone.named_modules()
        if isinstance(module, nn.Embedding) and path.endswith("position_embeddings")
    ]
    return [0, *(table.padding_idx + 1 for table in tables if table.padding_idx is not None)]


def _spread(rows: Sequence[RenderedPrompt]) -> list[int]:
    """Pick the shortest row, a middling, a longer and the longest one: some models change with length."""
    by_length = sorted(range(len(rows)), key=lambda i: len(rows[i].token_ids))
    return sorted({by_length[int(share * (len(rows) - 1))] for share in (0, 1 / 2, 3 / 4, 1)})


def _deviation(alone: Tensor, together: Tensor, *, dtype: str) -> Deviation:
    # What is not finite is refused by name when it is extracted; it says nothing about padding.
    difference = torch.where(alone.isfinite(), together.float() - alone.float(), 0.0).nan_to_num()
    scale = alone.float().norm(dim=-1).clamp(min=torch.finfo(torch.float32).tiny)
    relative = (difference.norm(dim=-1) / scale).nan_to_num()
    return Deviation(
        max_abs=float(difference.abs().max()),
        max_relative=float(relative.max()),
        tolerance=TOLERANCE[dtype],
        n_rows=alone.shape[1],
    )
