"""Named token positions of a rendered prompt."""

import re

from unsinter.cache.errors import UnsinterError
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt, TemplateChoice, render

_NUMBERED = re.compile(r"(template|response)_([1-9][0-9]*)")
_PLAIN = ("instruction_end", "template_end", "instruction_mean")


class PositionError(UnsinterError, ValueError):
    """A position is unknown, or a row does not have it."""


def resolve_position(name: str, row: RenderedPrompt) -> tuple[int, int]:
    """Return the tokens of ``row`` that ``name`` stands for, as first and one past the last.

    Every position but ``instruction_mean`` is one token.

    Raises
    ------
    PositionError : the row, which is named, lacks the position.
    """
    start, end = row.instruction
    if name == "instruction_mean":
        return start, end
    if name == "instruction_end":
        return end - 1, end
    if name == "template_end":
        return row.prompt_end - 1, row.prompt_end
    kind, k = _parse(name)
    first, past = (end, row.prompt_end) if kind == "template" else (row.prompt_end, len(row.token_ids))
    if k > past - first:
        raise PositionError(
            f"position {name!r}: prompt {row.id!r} has {past - first} {kind} tokens; "
            f"it has {', '.join(available_positions(row))}."
        )
    if kind == "template" and row.merged:
        raise PositionError(
            f"position {name!r}: in prompt {row.id!r} the tokenizer fuses the end of the text with the "
            "template, "
            "so the template's tokens are not the usual ones; use template_end, or drop the prompt."
        )
    return first + k - 1, first + k


def available_positions(row: RenderedPrompt) -> list[str]:
    """List the positions a row has, in reading order."""
    n_template = 0 if row.merged else row.prompt_end - row.instruction[1]
    n_response = len(row.token_ids) - row.prompt_end
    return [
        "instruction_mean",
        "instruction_end",
        *(f"template_{k}" for k in range(1, n_template + 1)),
        "template_end",
        *(f"response_{k}" for k in range(1, n_response + 1)),
    ]


def describe_positions(model: ChatModel, *, template: TemplateChoice = "auto") -> dict[str, str]:
    """Return the prompt-side positions a model's template offers, each with the token found there."""
    [row] = render([("example", "hello")], model, template=template)
    spans = {name: resolve_position(name, row) for name in available_positions(row)}
    return {name: str(model.tokenizer.decode(list(row.token_ids[a:b]))) for name, (a, b) in spans.items()}


def _parse(name: str) -> tuple[str, int]:
    match = _NUMBERED.fullmatch(name)
    if match is None:
        raise PositionError(
            f"position {name!r} is unknown; use {', '.join(_PLAIN)}, template_<k> or response_<k> with k "
            "from 1."
        )
    return match[1], int(match[2])
