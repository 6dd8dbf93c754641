"""Which prompts are answered together: only those whose answers are what each would get alone."""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from unsinter.features.extract.forward import rows_change_mates
from unsinter.features.extract.selfcheck import TOLERANCE
from unsinter.features.model.model import ChatModel
from unsinter.features.model.rope_lengths import RopeLengths
from unsinter.features.rendering.batches import plan_batches
from unsinter.features.rendering.rendering import RenderedPrompt

logger = logging.getLogger(__name__)

Mates: TypeAlias = Literal["any length", "equal length", "none"]
"""Who may share a batch with a prompt."""

CHECKED_TOKENS = 32
"""Tokens that the check generates at most."""

Generate: TypeAlias = Callable[[Sequence[RenderedPrompt], int], tuple[Tensor, Tensor]]
"""(rows, n) -> greedy ids (n_rows, n_new) and logits (n_rows, n_new, n_vocabulary), n new tokens at most."""


def plan_answers(
    rendered: Sequence[RenderedPrompt],
    *,
    mates: Mates,
    tables: Callable[[RenderedPrompt], object],
    samples: int,
    token_budget: int,
) -> Iterator[list[RenderedPrompt]]:
    """Yield rows alike in length, in an order and grouping that do not depend on what is stored already.

    ``tables`` names what a row may share a batch for (`RopeLengths.tables_while_writing`).
    """
    ordered = sorted(rendered, key=lambda row: (len(row.token_ids), row.key, row.id))
    if mates == "none":
        yield from ([row] for row in ordered)
        return

    def shared(row: RenderedPrompt) -> object:
        return (len(row.token_ids) if mates == "equal length" else None), tables(row)

    for _, part in groupby(ordered, key=shared):
        rows = list(part)
        lengths = [len(row.token_ids) * samples for row in rows]
        for first, past in plan_batches(lengths, token_budget=token_budget):
            yield rows[first:past]


def settle_mates(
    model: ChatModel, rendered: Sequence[RenderedPrompt], rope: RopeLengths, *, generate: Generate, n_new: int
) -> Mates:
    """Return who may share a batch, by answering a few prompts alone and together.

    Padding on the left moves the answers of models that count positions or carry a state through it; some
    models mix rows even without padding. The mildest grouping under which nothing moves is taken, and a
    warning says so.
    """
    if rows_change_mates(model):
        return "none"
    n_new = min(n_new, CHECKED_TOKENS)
    by_length: dict[object, list[RenderedPrompt]] = {}
    by_tables: dict[object, list[RenderedPrompt]] = {}
    for row in sorted(rendered, key=lambda row: (len(row.token_ids), row.key, row.id)):
        by_length.setdefault(len(row.token_ids), []).append(row)
        by_tables.setdefault(rope.tables_while_writing(len(row.token_ids), n_new), []).append(row)
    moved = _moved(model, _spread(max(by_tables.values(), key=_distinct)), generate, n_new)
    if moved is None or moved <= TOLERANCE[model.dtype]:
        return "any length"
    message = f"{model.name}: answers move by {moved:.2g} (relative) when prompts are padded on the left"
    moved = _moved(model, _spread(max(by_length.values(), key=len)), generate, n_new)
    if moved is None or moved <= TOLERANCE[model.dtype]:
        logger.warning("%s; only prompts of equal length are answered together", message)
        return "equal length"
    logger.warning("%s, and in batches of equal length; every prompt is answered alone", message)
    return "none"


def lone_answers_once(generate: Generate) -> Generate:
    """Return ``generate`` that keeps what a prompt gets alone: several checks compare with it."""
    kept: dict[tuple[str, int], tuple[Tensor, Tensor]] = {}

    def once(rows: Sequence[RenderedPrompt], n_new: int) -> tuple[Tensor, Tensor]:
        if len(rows) > 1:
            return generate(rows, n_new)
        key = rows[0].key, n_new
        if key not in kept:
            kept[key] = generate(rows, n_new)
        return kept[key]

    return once


def _distinct(rows: Sequence[RenderedPrompt]) -> tuple[int, int]:
    return len({len(row.token_ids) for row in rows}), len(rows)


def _spread(rows: Sequence[RenderedPrompt]) -> list[RenderedPrompt]:
    """Pick the shortest, a middling and the longest of rows in order of length."""
    return [rows[i] for i in sorted({0, len(rows) // 2, len(rows) - 1})]


def are_same_answers(
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    *,
    generate: Generate,
    plainly: Generate,
    n_new: int,
) -> bool:
    """Whether a few prompts, answered together by ``generate``, get what ``plainly`` gives each alone."""
    rows = _spread(sorted(rendered, key=lambda row: (len(row.token_ids), row.key, row.id)))
    moved = _moved(model, rows, generate, min(n_new, CHECKED_TOKENS), plainly=plainly)
    return moved is not None and moved <= TOLERANCE[model.dtype]


def _moved(
    model: ChatModel,
    rows: Sequence[RenderedPrompt],
    generate: Generate,
    n_new: int,
    *,
    plainly: Generate | None = None,
) -> float | None:
    """Return how far logits move between a row alone and in a batch, as a share of their spread; None of one.

    The first token that differs ends the comparison of a row: what follows answers another text. Rows alone
    are answered ``plainly`` where that is another way.
    """
    if len(rows) < 2:
        return None
    together_ids, together = generate(rows, n_new)
    worst = 0.0
    for place, row in enumerate(rows):
        alone_ids, alone = (plainly or generate)([row], n_new)
        n = min(alone_ids.shape[1], together_ids.shape[1])
        same = (alone_ids[0, :n] == together_ids[place, :n]).long().cumprod(0)
        n_same = min(n, int(same.sum()) + 1)
        worst = max(worst, _difference(alone[0, :n_same], together[place, :n_same]))
    return worst


def _difference(alone: Tensor, together: Tensor) -> float:
    """Return the largest distance of two rows of logits (n, n_vocabulary), relative to the first's spread."""
    finite = alone.isfinite() & together.isfinite()
    a, b = (torch.where(finite, values.float(), 0.0) for values in (alone, together))
    a, b = (values - values.mean(dim=-1, keepdim=True) for values in (a, b))
    scale = a.norm(dim=-1).clamp(min=torch.finfo(torch.float32).tiny)
    return float(((a - b).norm(dim=-1) / scale).max()) if len(a) else 0.0
