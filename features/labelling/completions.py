"""What stands in a chat completion and around it: address, key, answer; errors repeat none of it."""

import os
from typing import Any
from urllib.parse import urlsplit

import httpx2

from unsinter.cache.json_text import JsonTextError, parse_json
from unsinter.features.labelling.classifier import REFUSAL_CLASSES
from unsinter.features.labelling.exchange import Reply
from unsinter.features.labelling.judges import Item, JudgeError

_LONGEST_WAIT = 60.0


def read_key(variable: str) -> str | None:
    """Return the key that an environment variable holds, None without one.

    Raises
    ------
    JudgeError : the key holds a character that no header can carry; the message names the variable alone.
    """
    key = os.environ.get(variable)
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise JudgeError(
            f"The key in the environment variable {variable} holds a line end, a blank or a character "
            "outside printable ASCII, which no key has; set it again, without what was copied along."
        )
    return key or None


def bare_address(url: str) -> str:
    """Return the address without credentials or query; JudgeError for what is none."""
    try:
        parts = httpx2.URL(url)
        urlsplit(url).port  # noqa: B018  # raises for what the library lets through until it connects
    except (httpx2.InvalidURL, ValueError, OverflowError):
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.host:
        raise JudgeError(
            "The endpoint must start with http:// or https:// and go on with a host, as http://localhost:8000/v1;"
            f" got {len(url)} characters that do not."
        )
    return f"{parts.scheme}://{parts.host}{f':{parts.port}' if parts.port else ''}{parts.path}".rstrip("/")


def asked_wait(reply: Reply, *, otherwise: float) -> float:
    """Return the seconds that a server asks to wait, a minute at most."""
    try:
        return min(max(0.0, float(reply.headers["retry-after"])), _LONGEST_WAIT)
    except (KeyError, ValueError, OverflowError):
        return min(otherwise, _LONGEST_WAIT)


def completion_text(reply: Reply, item: Item) -> str:
    """Return the text of a chat completion; JudgeError repeats nothing of an answer that is none."""
    if reply.status != 200:
        raise JudgeError(
            f"Record {item.id!r}: the endpoint answered status {reply.status}; check address and key."
        )
    try:
        table: Any = parse_json(reply.body)
        content = table["choices"][0]["message"]["content"]
    except (JsonTextError, KeyError, IndexError, TypeError) as error:
        why = str(error) if isinstance(error, JsonTextError) else "has no choices[0].message.content"
        raise JudgeError(
            f"Record {item.id!r}: the endpoint's answer ({len(reply.body):,} bytes) is no chat completion: "
            f"it {why}; check the address."
        ) from None
    if not isinstance(content, str):
        raise JudgeError(
            f"Record {item.id!r}: the endpoint's answer holds no text, got {type(content).__name__}."
        )
    return content


def refusal_in(answer: str, item: Item) -> str:
    """Return the class of R that an answer names; JudgeError repeats nothing of one that names none."""
    word = (
        answer.rpartition("</think>")[2].strip().strip("\"'`*. ").lower().replace(" ", "_").replace("-", "_")
    )
    if word not in REFUSAL_CLASSES:
        raise JudgeError(
            f"Record {item.id!r}: the judge answered {len(answer):,} characters that are no label; "
            f"it must be one of {', '.join(REFUSAL_CLASSES)}."
        )
    return word
