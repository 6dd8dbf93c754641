"""One question to a server that may misbehave: its answer is bounded in time and size, and logged nowhere."""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx2

from unsinter.cache.errors import UnsinterError

LONGEST_ANSWER = 1_000_000
"""Bytes of one answer; a label is one word, an answer to a prompt some thousands."""

_ASKING: ContextVar[bool] = ContextVar("asking", default=False)
_TALKATIVE = (
    "httpx2",
    *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
    *("hpack.hpack", "hpack.table"),
)
"""Loggers of the HTTP library, which write addresses, headers and what a server says after its status."""


class UnreadableAnswerError(UnsinterError, ValueError):
    """A server's answer is not read to its end; the message repeats nothing of it."""


class NoAnswerError(UnsinterError, ConnectionError):
    """A server gave no answer this time; the message names the kind of trouble alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answered: its status, its headers, and its body of `LONGEST_ANSWER` bytes at most."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def ask(
    client: httpx2.AsyncClient, url: str, question: Any, *, key: str | None, seconds: float
) -> Reply:
    """Post a question as JSON and return the reply, all of it within ``seconds``; None is a GET without one.

    Raises
    ------
    NoAnswerError : the connection failed, broke, or took longer, byte by byte or at once.
    UnreadableAnswerError : the answer is longer than `LONGEST_ANSWER`, or compressed though nobody asked.
    """
    # Plain bytes: a short compressed answer could unpack to any length.
    headers = {"Accept-Encoding": "identity"}
    if question is not None:
        headers["Content-Type"] = "application/json"
    if key:
        headers["Authorization"] = f"Bearer {key}"
    try:
        with _unlogged():
            async with asyncio.timeout(seconds):
                verb = "GET" if question is None else "POST"
                content = None if question is None else json.dumps(question).encode()
                request = client.stream(verb, url, content=content, headers=headers)
                async with request as reply:
                    return Reply(
                        status=reply.status_code, headers=dict(reply.headers), body=await _body(reply)
                    )
    except TimeoutError:
        raise NoAnswerError("TimeoutError") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        # Neither its words nor the error itself: both can hold what the server said.
        raise NoAnswerError(type(error).__name__) from None


async def _body(reply: httpx2.Response) -> bytes:
    if reply.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnreadableAnswerError("is compressed, which was not asked for")
    body = bytearray()
    async for chunk in reply.aiter_raw():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise UnreadableAnswerError(f"is longer than {LONGEST_ANSWER:,} bytes; no more of it was read")
    return bytes(body)


class _Unlogged(logging.Filter):
    """Drops what a library would log while one of our questions is asked, and nothing of anybody else's."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record may be logged."""
        return not _ASKING.get()


_UNLOGGED = _Unlogged()


@contextmanager
def _unlogged() -> Iterator[None]:
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_UNLOGGED)  # adding it again changes nothing
    token = _ASKING.set(True)
    try:
        yield
    finally:
        _ASKING.reset(token)
