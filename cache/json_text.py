"""JSON that nobody vouches for: bounded in depth and digits, one sentence per fault."""

import json
import re
from pathlib import Path
from typing import Any, NoReturn

from unsinter.cache.errors import UnsinterError
from unsinter.cache.location import open_regular

MOST_NESTED = 64
"""Lists and objects inside one another; what is written by people and programs has fewer than ten."""

_OPENED, _CLOSED = "[{", "]}"
# Possessive: what a string has taken is never given back, so that the scan stays linear and needs no stack.
_TEXT_IN_QUOTES = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


class JsonTextError(UnsinterError, ValueError):
    """A text is no JSON that is read here; the message says why and repeats no more of it than a name."""


def parse_json(text: str | bytes, *, unique: bool = False, finite: bool = False) -> Any:
    """Return what a JSON text holds.

    Parameters
    ----------
    unique : refuse an object that gives one name twice, in place of keeping the last.
    finite : refuse NaN and Infinity, which Python writes and JSON does not know.

    Raises
    ------
    JsonTextError : not UTF-8, not JSON, nested deeper than `MOST_NESTED`, or a number of thousands of digits.
    """
    decoded = _decoded(text) if isinstance(text, bytes) else text
    if _depth(decoded) > MOST_NESTED:
        raise JsonTextError(f"is nested too deeply (over {MOST_NESTED} lists and objects in one another)")
    try:
        return json.loads(
            decoded,
            object_pairs_hook=_unique if unique else None,
            parse_constant=_refuse_constant if finite else None,
        )
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise JsonTextError(f"is not JSON at {line}column {error.colno} ({error.msg})") from None
    except JsonTextError:
        raise
    except ValueError:
        # The one other fault of the library's reader: more digits than Python turns into a number.
        raise JsonTextError("holds a whole number of thousands of digits") from None


def read_json(path: Path, *, most_bytes: int) -> Any:
    """Return what a JSON file holds, of which no more than ``most_bytes`` are ever read.

    Raises
    ------
    OSError : the file cannot be read.
    JsonTextError : as `parse_json`, or the file is longer.
    """
    with open_regular(path) as file:
        raw = file.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise JsonTextError(f"is longer than {most_bytes:,} bytes")
    return parse_json(raw)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonTextError(f"is not UTF-8 at byte {error.start + 1}") from None


def _depth(text: str) -> int:
    """Return how deep lists and objects lie in one another, brackets inside quotes left out."""
    if sum(map(text.count, _OPENED)) <= MOST_NESTED:
        return 0  # too few brackets to be too deep, as in all but a few of the texts that are read
    deepest = depth = 0
    for bracket in _BRACKET.finditer(_TEXT_IN_QUOTES.sub("", text)):
        depth += 1 if bracket[0] in _OPENED else -1
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        shown = f"{twice[:60]!r}" + ("..." if len(twice) > 60 else "")
        raise JsonTextError(f"gives the field {shown} twice")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise JsonTextError(f"holds {name}, which is not JSON; use null for a missing value")
