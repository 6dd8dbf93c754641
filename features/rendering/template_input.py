"""What a chat template is given beside the user's text, and whether the template takes it."""

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from unsinter.cache.errors import UnsinterError
from unsinter.features.records.conversation import Conversation
from unsinter.features.rendering.template_names import names_from_outside

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Examples = Sequence[tuple[str, str]]
"""Turns before the prompt: what a user says, and what the assistant answers."""

PARTS = ("system", "examples", "template_options")
"""Names under which parts of `TemplateInput` stand in a model's identity, where they are used."""

_NOT_CHOSEN = frozenset(
    {"messages", "tools", "documents", "add_generation_prompt", "raise_exception", "strftime_now"}
)
"""Variables that the library itself gives to every template."""


class RenderError(UnsinterError, ValueError):
    """A prompt cannot be rendered, or its text cannot be found again in the render."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateInput:
    """What a chat template is given beside the user's text.

    Attributes
    ----------
    system : a system text; None for none. An empty one takes the place of a template's own.
    examples : turns before the prompt, each a user's text and the assistant's answer.
    options : variables of the template, such as ``enable_thinking``.
    prefill : text behind the template that the answer begins with; of single prompts only, so no part of a
        model's identity.
    """

    system: str | None = None
    examples: Examples = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    prefill: str = ""

    @property
    def digests(self) -> tuple[tuple[str, str], ...]:
        """Name and SHA-256 of each part that is used, for a model's identity; empty where none is."""
        parts = (self.system, [list(turn) for turn in self.examples] or None, dict(self.options) or None)
        return tuple(
            (name, hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest())
            for name, part in zip(PARTS, parts, strict=True)
            if part is not None
        )

    def around(self, conversation: Conversation) -> "TemplateInput":
        """Return what the template is given for a prompt that brings something of its own."""
        return TemplateInput(
            system=self.system if conversation.system is None else conversation.system,
            examples=(*self.examples, *conversation.turns),
            options=self.options,
            prefill=conversation.prefill,
        )

    def messages(self, text: str) -> list[dict[str, str]]:
        """Return the turns that end in a user's text."""
        turns = [] if self.system is None else [{"role": "system", "content": self.system}]
        for question, answer in self.examples:
            turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return [*turns, {"role": "user", "content": text}]


class NamedInput(TypedDict, total=False):
    """Fields of `TemplateInput` by name."""

    system: str | None
    examples: Examples
    options: Mapping[str, Any]


def template_variables(tokenizer: "PreTrainedTokenizerBase") -> frozenset[str]:
    """Return the names that may be chosen for a chat template; empty without a template.

    Raises
    ------
    RenderError : a template that is no Jinja.
    """
    if not tokenizer.chat_template:
        return frozenset()
    # The library's own environment knows the tags that it adds to the language.
    from transformers.utils.chat_template_utils import _compile_jinja_template

    text = tokenizer.get_chat_template()
    try:
        names = names_from_outside(_compile_jinja_template(text).environment.parse(text))
    except Exception as error:  # a template is somebody else's program
        raise RenderError(f"the chat template cannot be read: {' '.join(str(error).split())}") from error
    return names - _NOT_CHOSEN - frozenset(tokenizer.special_tokens_map)


def check_options(tokenizer: "PreTrainedTokenizerBase", options: Mapping[str, Any], *, name: str) -> None:
    """Raise RenderError, naming model and option, for one that the template does not read."""
    if not options:
        return
    taken = _NOT_CHOSEN | set(inspect.signature(tokenizer.apply_chat_template).parameters)
    known = template_variables(tokenizer)
    for option in options:
        if option in taken:
            raise RenderError(f"{name}: template_options cannot set {option!r}; the library sets it.")
        if option not in known:
            reads = ", ".join(sorted(known)) or "none"
            raise RenderError(
                f"{name}: its chat template reads no option {option!r}, so it would change nothing; it "
                f"reads: {reads}."
            )


__all__ = [
    "PARTS",
    "Examples",
    "NamedInput",
    "RenderError",
    "TemplateInput",
    "check_options",
    "template_variables",
]
