"""Texts as token ids with the characters that each token covers."""

from collections.abc import Sequence

from unsinter.cache.errors import is_fault, one_line
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.template_input import RenderError

Encoded = tuple[tuple[int, ...], list[tuple[int, int]] | None]


def encode(model: ChatModel, texts: Sequence[str], *, specials: bool) -> list[Encoded]:
    """Return (ids, character offsets or None) of each text; special tokens are added only where asked.

    Raises
    ------
    RenderError : the tokenizer itself fails.
    """
    has_offsets = bool(model.tokenizer.is_fast)
    try:
        batch = model.tokenizer(
            list(texts),
            add_special_tokens=specials,
            return_offsets_mapping=has_offsets,
            return_attention_mask=False,
            padding=False,
            truncation=False,
            verbose=False,
        )
    except BaseException as error:  # a tokenizer of Rust raises every kind, and gives up with one of its own
        if not is_fault(error):
            raise
        raise RenderError(
            f"{model.name}: its tokenizer cannot read a text ({one_line(error)}); repair tokenizer.json."
        ) from error
    offsets = batch["offset_mapping"] if has_offsets else [None] * len(texts)
    return [(tuple(ids), spans) for ids, spans in zip(batch["input_ids"], offsets, strict=True)]


def overlap(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    """Return the first token that shares a character with [start, end), and one past the last."""
    inside = [index for index, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)


def check_bos(model: ChatModel, ids: tuple[int, ...], *, where: str) -> None:
    """Raise RenderError if a row starts with more than one beginning-of-sequence token."""
    bos = model.tokenizer.bos_token_id
    if bos is not None and ids[:2] == (bos, bos):
        raise RenderError(
            f"{where}: the row starts with two {model.tokenizer.bos_token!r} tokens; the template or the "
            "text "
            "writes one that the tokenizer adds too."
        )
