"""Prompts as the model reads them: the chat template rendered once, token ids, and where the user's text lies."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from unsinter.features.model import ChatModel

TemplateChoice = Literal["auto", "chat", "raw"]

# Two texts that differ in every letter: whatever both renders share is the template's.
_SENTINELS = ("zebra", "fjord")


class RenderError(ValueError):
    """A prompt cannot be rendered, or its text cannot be found again in the render."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPrompt:
    """One prompt as token ids, with the places that positions refer to."""

    id: str
    token_ids: tuple[int, ...]
    instruction: tuple[int, int]
    """First token of the user's text, and one past its last."""

    prompt_end: int
    """One past the last token before generation; response tokens, if any, start here."""

    merged: bool
    """Whether the tokenizer fused the end of the user's text with the template after it."""

    key: str
    """SHA-256 of the ids and places; equal rows have equal keys, whatever their ids are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the template puts around every prompt."""

    kind: Literal["chat", "raw"]
    system: str | None
    options: Mapping[str, Any]
    prefix: str
    suffix: str
    prefix_ids: tuple[int, ...]
    suffix_ids: tuple[int, ...]


def render(
    prompts: Sequence[tuple[str, str]],
    model: ChatModel,
    *,
    template: TemplateChoice = "auto",
    system: str | None = None,
    responses: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[RenderedPrompt]:
    """Render (id, text) pairs in order; with ``responses`` (by id) the response's tokens follow the prompt's.

    ``template`` is "chat", "raw" (the tokenizer's own special tokens, once) or "auto": chat where the tokenizer
    has a template, raw for encoders. ``options`` go to the chat template (such as ``enable_thinking``).
    Raises RenderError, naming the prompt's id, for anything that cannot be located exactly.
    """
    frame = make_frame(model, template=template, system=system, options=options)
    texts = []
    for prompt_id, text in prompts:
        if not text.strip():
            raise RenderError(f"prompt {prompt_id!r}, field 'prompt': the text is empty.")
        texts.append(_compose(model, frame, text, where=f"prompt {prompt_id!r}"))
    rows = []
    encoded = _encode(model, [full for full, _ in texts], specials=frame.kind == "raw")
    for (prompt_id, _), (_, place), (ids, offsets) in zip(prompts, texts, encoded, strict=True):
        row = _locate(model, frame, prompt_id=prompt_id, place=place, ids=ids, offsets=offsets)
        rows.append(row if responses is None else _with_response(model, row, responses))
    return rows


def make_frame(
    model: ChatModel,
    *,
    template: TemplateChoice = "auto",
    system: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Frame:
    """Return what the template puts before and after a prompt, as text and as token ids."""
    kind = _kind(model, template)
    if kind == "raw" and system is not None:
        raise RenderError("a system text needs a chat template; it cannot be used with template='raw'.")
    bare = Frame(
        kind=kind,
        system=system,
        options=dict(options or {}),
        prefix="",
        suffix="",
        prefix_ids=(),
        suffix_ids=(),
    )
    first, second = (_frame_around(model, bare, sentinel) for sentinel in _SENTINELS)
    if (first.prefix, first.suffix, first.suffix_ids) != (second.prefix, second.suffix, second.suffix_ids):
        raise RenderError(
            f"{model.name}: its chat template puts different text around different prompts; use template='raw'."
        )
    # A tokenizer may fuse the end of the prefix with the text's first letters; only what both share is certain.
    shared = os.path.commonprefix([first.prefix_ids, second.prefix_ids])
    return replace(first, prefix_ids=tuple(shared))


def _kind(model: ChatModel, template: str) -> Literal["chat", "raw"]:
    has_template = bool(model.tokenizer.chat_template)
    if template == "raw":
        return "raw"
    if template == "chat" or (template == "auto" and (has_template or model.is_causal)):
        if not has_template:
            raise RenderError(
                f"{model.name}: its tokenizer has no chat template; add one, or say template='raw' to use bare text."
            )
        return "chat"
    if template != "auto":
        raise RenderError(f"template must be auto, chat or raw; got {template!r}.")
    return "raw"


def _frame_around(model: ChatModel, bare: Frame, sentinel: str) -> Frame:
    """Return the frame as seen around one sentinel."""
    full = _apply_template(model, bare, sentinel, where="a trial prompt") if bare.kind == "chat" else sentinel
    if full.count(sentinel) != 1:
        raise RenderError(
            f"{model.name}: its chat template shows the user's text {full.count(sentinel)} times instead of once."
        )
    start = full.index(sentinel)
    end = start + len(sentinel)
    [(ids, offsets)] = _encode(model, [full], specials=bare.kind == "raw")
    if offsets is None:
        prefix_ids, suffix_ids = _frame_ids_without_offsets(model, bare, full[:start], full[end:])
    else:
        first, past = _overlap(offsets, start, end)
        prefix_ids, suffix_ids = ids[:first], ids[past:]
    _check_bos(model, ids, where=model.name)
    return replace(bare, prefix=full[:start], suffix=full[end:], prefix_ids=prefix_ids, suffix_ids=suffix_ids)


def _frame_ids_without_offsets(
    model: ChatModel, bare: Frame, prefix: str, suffix: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return prefix and suffix ids for tokenizers that report no offsets; each prompt is checked against them."""
    if bare.kind == "chat":
        (before, _), (after, _) = _encode(model, [prefix, suffix], specials=False)
        return before, after
    [(with_specials, _)], [(plain, _)] = (_encode(model, ["zebra"], specials=flag) for flag in (True, False))
    for start in range(len(with_specials) - len(plain) + 1):
        if with_specials[start : start + len(plain)] == plain:
            return with_specials[:start], with_specials[start + len(plain) :]
    raise RenderError(
        f"{model.name}: its tokenizer reports no offsets and its special tokens cannot be told apart."
    )


def _apply_template(model: ChatModel, frame: Frame, text: str, *, where: str) -> str:
    messages = [] if frame.system is None else [{"role": "system", "content": frame.system}]
    messages.append({"role": "user", "content": text})
    try:
        return str(
            model.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, **frame.options
            )
        )
    except Exception as error:  # templates raise whatever their author wrote
        raise RenderError(f"{where}: the chat template of {model.name} fails: {error}") from error


def _compose(model: ChatModel, frame: Frame, text: str, *, where: str) -> tuple[str, tuple[int, int]]:
    """Return the rendered text and the characters of the user's text in it."""
    if frame.kind == "raw":
        return text, (0, len(text))
    full = _apply_template(model, frame, text, where=where)
    middle = full[len(frame.prefix) : len(full) - len(frame.suffix)]
    intact = full.startswith(frame.prefix) and full.endswith(frame.suffix)
    if not intact or middle not in (text, text.strip(), text.lstrip(), text.rstrip()):
        raise RenderError(
            f"{where}: the chat template of {model.name} changes this text or what surrounds it, so its tokens "
            "cannot be located; remove the prompt, or use template='raw'."
        )
    return full, (len(frame.prefix), len(full) - len(frame.suffix))


Encoded = tuple[tuple[int, ...], list[tuple[int, int]] | None]


def _encode(model: ChatModel, texts: Sequence[str], *, specials: bool) -> list[Encoded]:
    """Return (ids, character offsets or None) of each text; special tokens are added only where asked."""
    has_offsets = bool(model.tokenizer.is_fast)
    batch = model.tokenizer(
        list(texts),
        add_special_tokens=specials,
        return_offsets_mapping=has_offsets,
        return_attention_mask=False,
        padding=False,
        truncation=False,
        verbose=False,
    )
    offsets = batch["offset_mapping"] if has_offsets else [None] * len(texts)
    return [(tuple(ids), spans) for ids, spans in zip(batch["input_ids"], offsets, strict=True)]


def _overlap(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    """Return the first token that shares a character with [start, end), and one past the last."""
    inside = [index for index, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)


def _locate(
    model: ChatModel,
    frame: Frame,
    *,
    prompt_id: str,
    place: tuple[int, int],
    ids: tuple[int, ...],
    offsets: list[tuple[int, int]] | None,
) -> RenderedPrompt:
    """Find the user's text among the token ids and check the template's own tokens around it."""
    n_before, n_after = len(frame.prefix_ids), len(frame.suffix_ids)
    span = (n_before, len(ids) - n_after)
    framed = span[0] < span[1] and ids[:n_before] == frame.prefix_ids and ids[span[1] :] == frame.suffix_ids
    by_offset = None if offsets is None else _overlap(offsets, *place)
    if not framed:
        if by_offset is None or by_offset[0] >= by_offset[1]:
            raise RenderError(
                f"prompt {prompt_id!r}: its text cannot be told from the template's among the tokens of {model.name}."
            )
        span = by_offset
    elif by_offset is not None and not (span[0] <= by_offset[0] < by_offset[1] <= span[1]):
        raise RenderError(
            f"prompt {prompt_id!r}: character offsets put its text at tokens {by_offset}, the template's tokens at "
            f"{span}; the tokenizer of {model.name} cannot be trusted here."
        )
    if frame.suffix_ids and ids[-1] != frame.suffix_ids[-1]:
        raise RenderError(f"prompt {prompt_id!r}: its last token is not the template's last token.")
    _check_bos(model, ids, where=f"prompt {prompt_id!r}")
    merged = ids[span[1] :] != frame.suffix_ids
    return RenderedPrompt(
        id=prompt_id,
        token_ids=ids,
        instruction=span,
        prompt_end=len(ids),
        merged=merged,
        key=_row_key(ids, span, len(ids)),
    )


def _check_bos(model: ChatModel, ids: tuple[int, ...], *, where: str) -> None:
    """Raise RenderError if a row starts with more than one beginning-of-sequence token."""
    bos = model.tokenizer.bos_token_id
    if bos is not None and ids[:2] == (bos, bos):
        raise RenderError(
            f"{where}: the row starts with two {model.tokenizer.bos_token!r} tokens; the template or the text "
            "writes one that the tokenizer adds too."
        )


def _with_response(model: ChatModel, row: RenderedPrompt, responses: Mapping[str, str]) -> RenderedPrompt:
    """Append the tokens of the row's response; the prompt's tokens stay as they were at generation time."""
    if row.id not in responses:
        raise RenderError(f"prompt {row.id!r} has no response; give one for every prompt.")
    [(response_ids, _)] = _encode(model, [responses[row.id]], specials=False)
    ids = row.token_ids + response_ids
    return replace(row, token_ids=ids, key=_row_key(ids, row.instruction, row.prompt_end))


def _row_key(ids: tuple[int, ...], span: tuple[int, int], prompt_end: int) -> str:
    return hashlib.sha256(json.dumps([ids, span, prompt_end]).encode()).hexdigest()
