"""Named token positions of a rendered prompt."""

import re

from unsinter.cache.errors import UnsinterError
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.position_names import OF_ANSWERS, OF_PROMPTS, window_of
from unsinter.features.rendering.rendering import RenderedPrompt, TemplateChoice, render

_NUMBERED = re.compile(r"(template|response)_([1-9][0-9]{0,8})")


class PositionError(UnsinterError, ValueError):
    """A position is unknown, or a row does not have it."""


def resolve_position(name: str, row: RenderedPrompt) -> tuple[int, int]:
    """Return the tokens of ``row`` that ``name`` stands for, as first and one past the last.

    Every position is one token, but for ``instruction_mean``, ``response_mean`` and ``response_max_<k>``,
    which pool all tokens of the text or of the answer: see `window_of`. ``thinking_end`` is the last token of
    an answer's reasoning, the end of the marker that closes it.

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
    if name == "response_mean" or window_of(name):
        if len(row.token_ids) == row.prompt_end:
            raise _lacking(name, row, "no response tokens")
        return row.prompt_end, len(row.token_ids)
    if name == "thinking_end":
        if row.thinking_end is None:
            raise _lacking(name, row, "no reasoning that a marker closes in its response")
        return row.thinking_end - 1, row.thinking_end
    kind, k = _parse(name)
    first, past = (end, row.prompt_end) if kind == "template" else (row.prompt_end, len(row.token_ids))
    if k > past - first:
        raise _lacking(name, row, f"{past - first} {kind} tokens")
    if kind == "template" and row.merged:
        raise PositionError(
            f"position {name!r}: in prompt {row.id!r} the tokenizer fuses the end of the text with the "
            "template, "
            "so the template's tokens are not the usual ones; use template_end, or drop the prompt."
        )
    return first + k - 1, first + k


def has_position(name: str, row: RenderedPrompt) -> bool:
    """Say whether a position that is known by name is one of the row's.

    Raises
    ------
    PositionError : no position has that name.
    """
    if name not in (*OF_PROMPTS, *OF_ANSWERS) and not window_of(name):
        _parse(name)
    try:
        resolve_position(name, row)
    except PositionError:
        return False
    return True


def available_positions(row: RenderedPrompt) -> list[str]:
    """List the positions a row has, in reading order, but for ``response_max_<k>``, which has no end."""
    n_template = 0 if row.merged else row.prompt_end - row.instruction[1]
    n_response = len(row.token_ids) - row.prompt_end
    return [
        "instruction_mean",
        "instruction_end",
        *(f"template_{k}" for k in range(1, n_template + 1)),
        "template_end",
        *(f"response_{k}" for k in range(1, n_response + 1)),
        *(("response_mean",) if n_response else ()),
        *(("thinking_end",) if row.thinking_end is not None else ()),
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
            f"position {name!r} is unknown; use {', '.join((*OF_PROMPTS, *OF_ANSWERS))}, template_<k>, "
            "response_<k> or response_max_<k> with k from 1."
        )
    return match[1], int(match[2])


def _lacking(name: str, row: RenderedPrompt, what: str) -> PositionError:
    return PositionError(
        f"position {name!r}: prompt {row.id!r} has {what}; it has {', '.join(available_positions(row))}."
    )
