"""What a model's chat template, or its tokenizer's special tokens, put around every prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict

from unsinter.cache.errors import UnsinterError
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.clock import DEFAULT_DATE, ClockError, pinned_clock

TemplateChoice = Literal["auto", "chat", "raw"]

# Texts that differ in every letter: whatever two renders share is the template's. The first two that occur
# nowhere in the template are used.
_SENTINELS = ("zebra", "fjord", "mulch", "quip")


class RenderError(UnsinterError, ValueError):
    """A prompt cannot be rendered, or its text cannot be found again in the render."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateInput:
    """What a chat template is given beside the user's text.

    Attributes
    ----------
    system : a system text; None for none.
    options : variables of the template, such as ``enable_thinking``.
    """

    system: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class NamedInput(TypedDict, total=False):
    """Fields of `TemplateInput` by name."""

    system: str | None
    options: Mapping[str, Any]


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
    date: str = DEFAULT_DATE
    """The day that the template is shown if it asks."""

    dates_shown: tuple[str, ...] = ()
    """The day as the template writes it, in each of its formats; empty where it reads no clock."""


def make_frame(
    model: ChatModel,
    *,
    template: TemplateChoice = "auto",
    system: str | None = None,
    options: Mapping[str, Any] | None = None,
    date: str = DEFAULT_DATE,
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
        date=date,
    )
    first, second = (_frame_around(model, bare, sentinel) for sentinel in _unused(model, bare))
    if (first.prefix, first.suffix, first.suffix_ids) != (second.prefix, second.suffix, second.suffix_ids):
        raise RenderError(
            f"{model.name}: its chat template puts different text around different prompts; use "
            "template='raw'."
        )
    # A tokenizer may fuse the end of the prefix with the text's first letters; only what both share is
    # certain.
    n_shared = 0
    for mine, theirs in zip(first.prefix_ids, second.prefix_ids, strict=False):
        if mine != theirs:
            break
        n_shared += 1
    return replace(first, prefix_ids=first.prefix_ids[:n_shared])


def dates_around(model: ChatModel, date: str | None, *, template: str = "auto") -> tuple[str, ...]:
    """Return the dates, as written, that the template puts around a prompt; empty where it reads no clock."""
    frame = make_frame(model, template=template, date=date or DEFAULT_DATE)  # type: ignore[arg-type]
    return tuple(shown for shown in frame.dates_shown if shown in frame.prefix + frame.suffix)


def _kind(model: ChatModel, template: str) -> Literal["chat", "raw"]:
    has_template = bool(model.tokenizer.chat_template)
    if template == "raw":
        return "raw"
    if template == "chat" or (template == "auto" and (has_template or model.is_causal)):
        if not has_template:
            raise RenderError(
                f"{model.name}: its tokenizer has no chat template; add one, or say template='raw' to use "
                "bare text."
            )
        return "chat"
    if template != "auto":
        raise RenderError(f"template must be auto, chat or raw; got {template!r}.")
    return "raw"


def _unused(model: ChatModel, bare: Frame) -> list[str]:
    """Return two sentinels that the template and the system text do not contain themselves."""
    if bare.kind == "raw":
        return list(_SENTINELS[:2])
    around, _ = apply_template(model, bare, "?", where="a trial prompt")
    free = [sentinel for sentinel in _SENTINELS if sentinel not in around]
    return free[:2] if len(free) > 1 else list(_SENTINELS[:2])


def _frame_around(model: ChatModel, bare: Frame, sentinel: str) -> Frame:
    """Return the frame as seen around one sentinel."""
    is_chat = bare.kind == "chat"
    full, shown = apply_template(model, bare, sentinel, where="a trial prompt") if is_chat else (sentinel, ())
    if full.count(sentinel) != 1:
        raise RenderError(
            f"{model.name}: its chat template shows the user's text {full.count(sentinel)} times instead "
            "of once."
        )
    start = full.index(sentinel)
    end = start + len(sentinel)
    [(ids, offsets)] = encode(model, [full], specials=bare.kind == "raw")
    if offsets is None:
        prefix_ids, suffix_ids = _frame_ids_without_offsets(model, bare, full[:start], full[end:])
    else:
        first, past = overlap(offsets, start, end)
        prefix_ids, suffix_ids = ids[:first], ids[past:]
    check_bos(model, ids, where=model.name)
    return replace(
        bare,
        prefix=full[:start],
        suffix=full[end:],
        prefix_ids=prefix_ids,
        suffix_ids=suffix_ids,
        dates_shown=shown,
    )


def _frame_ids_without_offsets(
    model: ChatModel, bare: Frame, prefix: str, suffix: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return prefix and suffix ids where no offsets are reported; each prompt is checked against them."""
    if bare.kind == "chat":
        (before, _), (after, _) = encode(model, [prefix, suffix], specials=False)
        return before, after
    [(with_specials, _)], [(plain, _)] = (encode(model, ["zebra"], specials=flag) for flag in (True, False))
    for start in range(len(with_specials) - len(plain) + 1):
        if with_specials[start : start + len(plain)] == plain:
            return with_specials[:start], with_specials[start + len(plain) :]
    raise RenderError(
        f"{model.name}: its tokenizer reports no offsets and its special tokens cannot be told apart."
    )


def apply_template(model: ChatModel, frame: Frame, text: str, *, where: str) -> tuple[str, tuple[str, ...]]:
    """Return one user turn rendered up to where the model would answer, and every date that it shows.

    The turn stands after the system text, if any.
    """
    messages = [] if frame.system is None else [{"role": "system", "content": frame.system}]
    messages.append({"role": "user", "content": text})
    return render_messages(model, messages, frame, add_generation_prompt=True, where=where)


def render_messages(
    model: ChatModel,
    messages: Sequence[Mapping[str, str]],
    frame: Frame,
    *,
    add_generation_prompt: bool,
    where: str,
) -> tuple[str, tuple[str, ...]]:
    """Return turns as the chat template writes them on the frame's day, and every date that it shows."""
    try:
        with pinned_clock(frame.date) as clock:
            text = model.tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                **frame.options,
            )
    except ClockError:
        raise
    except Exception as error:  # templates raise whatever their author wrote
        raise RenderError(f"{where}: the chat template of {model.name} fails: {error}") from error
    return str(text), tuple(dict.fromkeys(shown for shown in clock.shown if shown.strip()))


Encoded = tuple[tuple[int, ...], list[tuple[int, int]] | None]


def encode(model: ChatModel, texts: Sequence[str], *, specials: bool) -> list[Encoded]:
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
