"""Batches of token ids under a token budget, padded on either side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unsinter.features.rendering.rendering import RenderedPrompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows padded to one length; lengths come from the mask, so any id may serve as padding."""

    input_ids: Tensor
    attention_mask: Tensor
    starts: tuple[int, ...]
    """Where each row's first real token stands."""

    n_tokens: int
    """Real tokens, padding left out."""


def plan_batches(lengths: Sequence[int], *, token_budget: int) -> Iterator[tuple[int, int]]:
    """Yield (first, past) slices of consecutive rows whose padded size stays within the budget.

    A single row longer than the budget still makes a batch of its own.
    """
    first = 0
    longest = 0
    for index, length in enumerate(lengths):
        longest = max(longest, length)
        if index > first and longest * (index - first + 1) > token_budget:
            yield first, index
            first, longest = index, length
    if first < len(lengths):
        yield first, len(lengths)


def make_batch(rows: Sequence[RenderedPrompt], *, pad_id: int, padding_side: str) -> Batch:
    """Return the rows padded on ``padding_side`` ("left" or "right"), still on the CPU."""
    longest = max(len(row.token_ids) for row in rows)
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    starts = []
    for index, row in enumerate(rows):
        n = len(row.token_ids)
        start = longest - n if padding_side == "left" else 0
        ids[index, start : start + n] = torch.tensor(row.token_ids)
        mask[index, start : start + n] = 1
        starts.append(start)
    return Batch(
        input_ids=ids, attention_mask=mask, starts=tuple(starts), n_tokens=sum(len(r.token_ids) for r in rows)
    )
