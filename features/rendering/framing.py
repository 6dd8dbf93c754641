"""What a model's chat template, or its tokenizer's special tokens, put around every prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.clock import DEFAULT_DATE, ClockError, pinned_clock
from unsinter.features.rendering.encoding import check_bos, encode, overlap
from unsinter.features.rendering.template_input import (
    Examples,
    RenderError,
    TemplateInput,
    check_options,
)

TemplateChoice = Literal["auto", "chat", "raw"]

# Texts that differ in every letter: whatever two renders share is the template's. The first two that occur
# nowhere in the template are used.
_SENTINELS = ("zebra", "fjord", "mulch", "quip")

_OTHER = "vexing jocks"
"""Put in place of a text to see whether the template shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFrame:
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

    examples: Examples = ()
    prefill: str = ""

    @property
    def beside(self) -> TemplateInput:
        """What the template is given beside the user's text."""
        return TemplateInput(
            system=self.system, examples=self.examples, options=self.options, prefill=self.prefill
        )


def make_frame(
    model: ChatModel,
    *,
    template: TemplateChoice = "auto",
    beside: TemplateInput | None = None,
    date: str = DEFAULT_DATE,
) -> TemplateFrame:
    """Return what the template puts before and after a prompt, as text and as token ids.

    Raises
    ------
    RenderError : the template leaves out the system text, an example or an option.
    """
    kind, beside = _kind(model, template), beside or TemplateInput()
    if kind == "raw" and beside.prefill:
        raise RenderError("a prefill needs a chat template; it cannot be used with template='raw'.")
    if kind == "raw" and beside.digests:
        name = {"system": "a system text", "examples": "examples", "template_options": "template options"}
        raise RenderError(
            f"{name[beside.digests[0][0]]} needs a chat template; it cannot be used with template='raw'."
        )
    bare = TemplateFrame(
        kind=kind,
        system=beside.system,
        examples=tuple(beside.examples),
        options=dict(beside.options),
        prefix="",
        suffix="",
        prefix_ids=(),
        suffix_ids=(),
        date=date,
        prefill=beside.prefill,
    )
    _check_taken(model, bare)
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


def dates_around(
    model: ChatModel, date: str | None, *, template: str = "auto", beside: TemplateInput | None = None
) -> tuple[str, ...]:
    """Return the dates, as written, that the template puts around a prompt; empty where it reads no clock."""
    frame = make_frame(model, template=template, beside=beside, date=date or DEFAULT_DATE)  # type: ignore[arg-type]
    return tuple(shown for shown in frame.dates_shown if shown in frame.prefix + frame.suffix)


def _check_taken(model: ChatModel, frame: TemplateFrame) -> None:
    """Raise RenderError for what the template is given and does not show: it would change nothing."""
    check_options(model.tokenizer, frame.options, name=model.name)
    # All at once, each by a text of its own: a render for each would take as the square of the turns.
    marks: dict[str, str] = {} if frame.system is None else {"the system text": f"{_OTHER}."}
    examples = []
    for number in range(1, len(frame.examples) + 1):
        examples.append((f"{_OTHER} {2 * number - 1}.", f"{_OTHER} {2 * number}."))
        for side, mark in zip(("user", "assistant"), examples[-1], strict=True):
            marks[f"the {side}'s text of example {number}"] = mark
    if not marks:
        return
    marked = replace(frame, system=marks.get("the system text"), examples=tuple(examples))
    shown, _ = apply_template(model, marked, "?", where="a trial prompt")
    for words, mark in marks.items():
        if mark not in shown:
            raise RenderError(
                f"{model.name}: its chat template leaves out {words}; remove it, or put it into the prompts."
            )


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


def _unused(model: ChatModel, bare: TemplateFrame) -> list[str]:
    """Return two sentinels that the template and the system text do not contain themselves."""
    if bare.kind == "raw":
        return list(_SENTINELS[:2])
    around, _ = apply_template(model, bare, "?", where="a trial prompt")
    free = [sentinel for sentinel in _SENTINELS if sentinel not in around]
    return free[:2] if len(free) > 1 else list(_SENTINELS[:2])


def _frame_around(model: ChatModel, bare: TemplateFrame, sentinel: str) -> TemplateFrame:
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
    model: ChatModel, bare: TemplateFrame, prefix: str, suffix: str
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


def apply_template(
    model: ChatModel, frame: TemplateFrame, text: str, *, where: str
) -> tuple[str, tuple[str, ...]]:
    """Return one user turn rendered up to where the model would answer, and every date that it shows.

    The turn stands after the system text and the examples, if any, and the prefill behind the template.
    """
    messages = frame.beside.messages(text)
    full, dates = render_messages(model, messages, frame, add_generation_prompt=True, where=where)
    return full + frame.prefill, dates


def render_messages(
    model: ChatModel,
    messages: Sequence[Mapping[str, str]],
    frame: TemplateFrame,
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


__all__ = [
    "TemplateFrame",
    "RenderError",
    "TemplateChoice",
    "apply_template",
    "check_bos",
    "dates_around",
    "encode",
    "make_frame",
    "overlap",
    "render_messages",
]
