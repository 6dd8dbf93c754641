"""What a message shows of a wrong value in a study file: enough to find it, and no secret."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic_core import ErrorDetails
from yaml import MarkedYAMLError

from unsinter.cache.errors import one_line
from unsinter.studies.study.target_names import TAGS

_LONGEST = 80
_ADDRESS = re.compile(r"([\w+.-]*://)[^\s'\"]*")
_PLAIN_KEY = re.compile(r"[A-Za-z_]{1,40}")
_OWN_WORDS = frozenset({"all", "answer", "end", "error", "drop", "none", "true", "false", "yes", "no"})


def shown(problem: ErrorDetails) -> str:
    """Return the wrong value as a message shows it.

    Of a mapping, and of anything in the section on responses, where a key or a password may have been
    written by mistake, that is its length alone; a number stays, as does a word of the format itself.
    """
    value = problem["input"]
    if value is None or isinstance(value, bool | int | float):
        return repr(str(value)[:_LONGEST])
    if _holds_mapping(value):
        return _count(len(value), "entry", "entries")
    if problem["loc"][:1] == ("responses",) and value not in tuple(_OWN_WORDS):
        return _length(value)
    return repr(_ADDRESS.sub(r"\1...", str(value))[:_LONGEST])


def fault_text(problem: ErrorDetails) -> str:
    """Return what is wrong with a value, and the value as `shown` has it, where that says more."""
    if problem["type"] == "missing":
        return "is missing; write it"
    message = problem["msg"]
    if problem["type"] == "tuple_type":
        message = "needs a list"
    if problem["type"] == "too_short":
        least = _count(problem["ctx"]["min_length"], "entry", "entries")
        return f"needs at least {least}, got {len(problem['input'])}"
    if problem["type"] == "value_error":  # words of our own
        message = message.removeprefix("Value error, ").rstrip(".")
        if " got " in message or isinstance(problem["input"], Mapping):
            return message
    return f"{message}, got {shown(problem)}"


def shown_place(problem: ErrorDetails, *, known: Collection[str]) -> str:
    """Return the keys that lead to a wrong value, joined by dots; empty for the whole file.

    Of a key that is no word, in the section on responses, its length alone is shown.
    """
    is_ours = problem["loc"][:1] == ("responses",)
    parts = [part for part in problem["loc"] if part not in TAGS]
    return ".".join(
        f"({len(part)} characters)"
        if is_ours and isinstance(part, str) and part not in known and not _PLAIN_KEY.fullmatch(part)
        else str(part)
        for part in parts
    )


def yaml_fault(error: Exception) -> str:
    """Return why a text is no YAML, and on which lines, without the lines themselves."""
    if not isinstance(error, MarkedYAMLError) or error.problem is None:
        return one_line(error)
    parts = ((error.context, error.context_mark), (error.problem, error.problem_mark))
    phrases = [f"{words} (line {mark.line + 1})" if mark else words for words, mark in parts if words]
    return " ".join(", ".join(phrases).split())[:300]


def _holds_mapping(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_mapping, value))
    return isinstance(value, Mapping)


def _length(value: Any) -> str:
    if isinstance(value, str):
        return _count(len(value), "character", "characters")
    if isinstance(value, list | tuple):
        return _count(len(value), "entry", "entries")
    return f"a {type(value).__name__}"


def _count(n: int, one: str, more: str) -> str:
    return f"{n} {one if n == 1 else more}"
