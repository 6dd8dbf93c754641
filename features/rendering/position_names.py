"""What the name of a position says, without a prompt at hand."""

import re

_RESPONSE = re.compile(r"response_[1-9][0-9]{0,8}")
_TEMPLATE = re.compile(r"template_[1-9][0-9]{0,8}")
_WINDOWED = re.compile(r"response_max_([1-9][0-9]{0,8})")

OF_ANSWERS = ("response_mean", "thinking_end")
"""Positions of answers, beside the numbered ones."""

OF_PROMPTS = ("instruction_end", "template_end", "instruction_mean")
"""Positions of prompts, beside ``template_<k>``."""


def window_of(name: str) -> int:
    """Return k of ``response_max_<k>``, else 0.

    Such a position is, unit by unit, the largest mean of k neighbouring tokens of the answer; of an answer
    of fewer tokens the mean of all.
    """
    match = _WINDOWED.fullmatch(name)
    return int(match[1]) if match else 0


def reads_answer(name: str) -> bool:
    """Say whether a position is one of tokens of the answer."""
    return name in OF_ANSWERS or name.startswith("response_")


def is_known_of_prompts(name: str) -> bool:
    """Say whether a position of the prompt is one that exists."""
    return name in OF_PROMPTS or bool(_TEMPLATE.fullmatch(name))


def is_known_of_answers(name: str) -> bool:
    """Say whether a position of the answer is one that exists."""
    return name in OF_ANSWERS or bool(_RESPONSE.fullmatch(name)) or bool(window_of(name))
