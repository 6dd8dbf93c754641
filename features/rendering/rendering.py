"""Prompts as the model reads them: the chat template rendered once, and where the user's text lies."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, Unpack

from unsinter.features.labelling.prose.reasoning import answer_start
from unsinter.features.model.model import ChatModel
from unsinter.features.records.conversation import Conversation
from unsinter.features.rendering.clock import DEFAULT_DATE, ClockError, checked_date
from unsinter.features.rendering.framing import (
    RenderError,
    TemplateChoice,
    TemplateFrame,
    apply_template,
    check_bos,
    encode,
    make_frame,
    overlap,
)
from unsinter.features.rendering.template_input import PARTS, NamedInput, TemplateInput

logger = logging.getLogger(__name__)

Prompt: TypeAlias = tuple[str, str] | tuple[str, str, Conversation]
"""Id, the user's text, and what this prompt brings beside it."""


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

    date: str | None = None
    """The day that the chat template was shown, as 2024-07-26; None for one that reads no clock."""

    thinking_end: int | None = None
    """One past the last token of the response's reasoning; None where no marker closes one."""

    beside: tuple[tuple[str, str], ...] = ()
    """Name and digest of what the chat template was given beside the text (`TemplateInput.digests`)."""


def render(
    prompts: Sequence[Prompt],
    model: ChatModel,
    *,
    template: TemplateChoice = "auto",
    beside: TemplateInput | None = None,
    responses: Mapping[str, str] | None = None,
    date: str | None = None,
    **named: Unpack[NamedInput],
) -> list[RenderedPrompt]:
    """Render (id, text) in order; with ``responses`` (by id) the response's tokens follow the prompt's.

    A prompt may be (id, text, conversation): what that one brings beside its text, system, turns and prefill.
    The prefill's tokens count among those of the template.

    ``template`` is "chat", "raw" (the tokenizer's own special tokens, once) or "auto": chat where the
    tokenizer has a template, raw for encoders. ``beside`` goes to the chat template; its fields may be given
    by name too. A template that reads the clock is shown ``date``, a day as 2024-07-26, and `DEFAULT_DATE`
    unless one is named: never today.

    Raises
    ------
    RenderError : something cannot be located exactly; names the prompt's id.
    ClockError : the date is none.
    """
    pinned = DEFAULT_DATE if date is None else checked_date(date)
    beside = replace(beside or TemplateInput(), **named)
    frame = make_frame(model, template=template, beside=beside, date=pinned)
    if frame.dates_shown and date is None:
        logger.warning(
            "%s: its chat template reads the clock; it is shown %s, a fixed day; set 'date' for another",
            model.name, pinned,
        )  # fmt: skip
    own_frames = _FramesOf(model, frame)
    texts, frames = [], []
    for prompt_id, text, *own in prompts:
        if not text.strip():
            raise RenderError(f"prompt {prompt_id!r}, field 'prompt': the text is empty.")
        frames.append(own_frames.around(own[0], prompt_id) if own else frame)
        texts.append(_compose(model, frames[-1], text, where=f"prompt {prompt_id!r}"))
    rows = []
    encoded = encode(model, [full for full, _ in texts], specials=frame.kind == "raw")
    for (prompt_id, *_), around, (_, place), (ids, offsets) in zip(
        prompts, frames, texts, encoded, strict=True
    ):
        row = _locate(model, around, prompt_id=prompt_id, place=place, ids=ids, offsets=offsets)
        row = replace(row, beside=frame.beside.digests)
        rows.append(row if responses is None else _with_response(model, row, responses))
    return rows


class _FramesOf:
    """The frames of prompts that bring something of their own, each made once."""

    def __init__(self, model: ChatModel, frame: TemplateFrame) -> None:
        self._model, self._frame = model, frame
        self._made: dict[Conversation, TemplateFrame] = {}

    def around(self, conversation: Conversation, prompt_id: str) -> TemplateFrame:
        """Return the frame around one prompt.

        Raises
        ------
        RenderError : names the prompt.
        """
        if not conversation:
            return self._frame
        if conversation not in self._made:
            frame = self._frame
            beside = frame.beside.around(conversation)
            try:
                made = make_frame(self._model, template=frame.kind, beside=beside, date=frame.date)
            except RenderError as error:
                raise RenderError(f"prompt {prompt_id!r}: {error}") from error
            self._made[conversation] = made
        return self._made[conversation]


def rendered_identity(model: ChatModel, rendered: Sequence[RenderedPrompt]) -> dict[str, str]:
    """Return the model's identity, the day that a template which reads the clock was shown, and digests of
    the system text, examples and options that the template was given.

    Raises
    ------
    RenderError : the prompts were rendered with different ones.
    """
    dates = sorted({row.date for row in rendered if row.date is not None})
    beside = {name: digest for row in rendered[:1] for name, digest in row.beside}
    if any(row.beside != rendered[0].beside for row in rendered):
        raise RenderError("these prompts were rendered with other system texts, examples or options.")
    return {**model.identity, **beside, **({"date": ", ".join(dates)} if dates else {})}


def whole_identity(model: ChatModel, rendered: Sequence[RenderedPrompt]) -> dict[str, str]:
    """Return `rendered_identity` with every part named, empty where it is not used, to be compared."""
    return {**dict.fromkeys(PARTS, ""), **rendered_identity(model, rendered)}


def _compose(model: ChatModel, frame: TemplateFrame, text: str, *, where: str) -> tuple[str, tuple[int, int]]:
    """Return the rendered text and the characters of the user's text in it."""
    if frame.kind == "raw":
        return text, (0, len(text))
    full, _ = apply_template(model, frame, text, where=where)
    middle = full[len(frame.prefix) : len(full) - len(frame.suffix)]
    intact = full.startswith(frame.prefix) and full.endswith(frame.suffix)
    if not intact or middle not in (text, text.strip(), text.lstrip(), text.rstrip()):
        raise RenderError(
            f"{where}: the chat template of {model.name} changes this text or what surrounds it, so its "
            "tokens "
            "cannot be located; remove the prompt, or use template='raw'."
        )
    return full, (len(frame.prefix), len(full) - len(frame.suffix))


def _locate(
    model: ChatModel,
    frame: TemplateFrame,
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
    by_offset = None if offsets is None else overlap(offsets, *place)
    if not framed:
        if by_offset is None or by_offset[0] >= by_offset[1]:
            raise RenderError(
                f"prompt {prompt_id!r}: its text cannot be told from the template's among the tokens of "
                f"{model.name}."
            )
        span = by_offset
    elif by_offset is not None and not (span[0] <= by_offset[0] < by_offset[1] <= span[1]):
        raise RenderError(
            f"prompt {prompt_id!r}: character offsets put its text at tokens {by_offset}, the template's "
            "tokens at "
            f"{span}; the tokenizer of {model.name} cannot be trusted here."
        )
    if frame.suffix_ids and ids[-1] != frame.suffix_ids[-1]:
        raise RenderError(f"prompt {prompt_id!r}: its last token is not the template's last token.")
    check_bos(model, ids, where=f"prompt {prompt_id!r}")
    merged = ids[span[1] :] != frame.suffix_ids
    return RenderedPrompt(
        id=prompt_id,
        token_ids=ids,
        instruction=span,
        prompt_end=len(ids),
        merged=merged,
        key=_row_key(ids, span, len(ids)),
        date=frame.date if frame.dates_shown else None,
    )


def _with_response(model: ChatModel, row: RenderedPrompt, responses: Mapping[str, str]) -> RenderedPrompt:
    """Append the tokens of the row's response; the prompt's tokens stay as they were at generation time."""
    if row.id not in responses:
        raise RenderError(f"prompt {row.id!r} has no response; give one for every prompt.")
    text = responses[row.id]
    [(response_ids, offsets)] = encode(model, [text], specials=False)
    ids, thinking_end = row.token_ids + response_ids, None
    answer = answer_start(text)
    if offsets is not None and 0 < answer < len(text):
        _, n_reasoning = overlap(offsets, 0, len(text[:answer].rstrip()))
        thinking_end = row.prompt_end + n_reasoning
    key = _row_key(ids, row.instruction, row.prompt_end, thinking_end)
    return replace(row, token_ids=ids, thinking_end=thinking_end, key=key)


def _row_key(
    ids: tuple[int, ...], span: tuple[int, int], prompt_end: int, thinking_end: int | None = None
) -> str:
    places = [ids, span, prompt_end, *(() if thinking_end is None else (thinking_end,))]
    return hashlib.sha256(json.dumps(places).encode()).hexdigest()


__all__ = ["ClockError", "RenderError", "RenderedPrompt", "TemplateChoice", "TemplateInput", "render"]
