"""The day that a chat template is shown, so that one prompt reads alike whenever it is rendered."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from typing import Any

from unsinter.cache.errors import UnsinterError

DEFAULT_DATE = "2024-07-26"
"""What a template is shown unless a study says otherwise: the day that many fall back to by themselves."""

_lock = threading.RLock()


class ClockError(UnsinterError, ValueError):
    """A date is none, or the library reads the clock where it cannot be set."""


class _PinnedDay(datetime):
    """A moment that notes what it is written as."""

    shown: list[str]

    def strftime(self, format: str) -> str:
        """Return the day in a template's own format."""
        text = super().strftime(format)
        self.shown.append(text)
        return text


class PinnedClock:
    """Stands where the library looks for ``datetime``: every moment is midnight of one day.

    Attributes
    ----------
    date : the day, as 2024-07-26.
    shown : every text that a template asked of it, in order; empty for a template that reads no clock.
    """

    def __init__(self, day: str) -> None:
        self.date = checked_date(day)
        self.shown: list[str] = []

    def now(self, tz: Any = None) -> datetime:
        """Return midnight of the day."""
        moment = _PinnedDay.fromisoformat(self.date).replace(tzinfo=tz)
        moment.shown = self.shown
        return moment

    utcnow = today = now


def checked_date(day: object) -> str:
    """Return the day as 2024-07-26.

    Raises
    ------
    ClockError : it is no such day.
    """
    try:
        return date.fromisoformat(day).isoformat()  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ClockError(f"date must be a day, as {DEFAULT_DATE}; got {day!r}.") from error


@contextmanager
def pinned_clock(day: str) -> Iterator[PinnedClock]:
    """Show every chat template rendered inside one day, and note what it asked for.

    Raises
    ------
    ClockError : no such day, or this version of the library reads the clock elsewhere.
    """
    _check_library()
    with _replaced(PinnedClock(day)) as clock:
        yield clock


@contextmanager
def _replaced(clock: PinnedClock) -> Iterator[PinnedClock]:
    from transformers.utils import chat_template_utils  # heavy; a study file is read without it

    # The library makes plain data of whatever a template is given, so a function of ours cannot be passed in.
    with _lock:
        library: Any = chat_template_utils
        before = getattr(library, "datetime", None)
        library.datetime = clock
        try:
            yield clock
        finally:
            library.datetime = before


@cache
def _check_library() -> None:
    """Raise ClockError unless a template that asks for the day is shown the pinned one."""
    from transformers.utils import chat_template_utils

    with _replaced(PinnedClock("1999-12-31")):
        rendered = chat_template_utils.render_jinja_template(
            conversations=[[{"role": "user", "content": ""}]], chat_template="{{ strftime_now('%Y-%m-%d') }}"
        )
    if list(rendered[0]) != ["1999-12-31"]:
        raise ClockError("this version of transformers reads the clock where it cannot be set; use another.")
