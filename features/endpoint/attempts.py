"""A question asked again while its server has passing trouble, a bounded number of times."""

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import Any

import httpx2

from unsinter.features.endpoint.address import is_loopback
from unsinter.features.endpoint.exchange import NoAnswerError, Reply, ask

logger = logging.getLogger(__name__)

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses of trouble that may pass."""

_LONGEST_WAIT = 60.0
_JITTER = random.Random()  # spreads questions in time; no answer depends on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait and how often to ask again.

    ``timeout`` is seconds per attempt, from the first byte sent to the last received; ``wait`` seconds before
    the second attempt, doubled each time; a server's ``Retry-After`` overrides it, up to a minute. Each wait
    is lengthened by up to a half at random, so that many questions do not come back at once.
    """

    timeout: float = 30.0
    attempts: int = 4
    wait: float = 1.0

    def __post_init__(self) -> None:
        if self.timeout <= 0 or self.attempts < 1 or self.wait < 0:
            raise ValueError(f"timeout must be positive, attempts at least 1, wait not negative; got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Clients with the key they send and the patience they have."""

    client: httpx2.AsyncClient
    direct: httpx2.AsyncClient
    """Asks this machine: a proxy would see the key, and means another machine by the same address."""

    key: str | None
    patience: Patience

    async def ask(self, url: str, question: Any, *, about: str) -> Reply:
        """Return the first reply whose status is not one of passing trouble; ``about`` stands in the log.

        Raises
        ------
        NoAnswerError : none came in all attempts; says how many and what the last trouble was.
        UnreadableAnswerError : as `exchange.ask`; a second attempt would cost as much, and is not made.
        """
        trouble, patience = "", self.patience
        client = self.direct if is_loopback(url) else self.client
        for attempt in range(patience.attempts):
            wait = patience.wait * 2**attempt
            try:
                reply = await ask(client, url, question, key=self.key, seconds=patience.timeout)
            except NoAnswerError as error:
                trouble = str(error)
            else:
                if reply.status not in RETRIED:
                    return reply
                trouble = f"status {reply.status}"
                wait = _asked_wait(reply, otherwise=wait)
            logger.info("%s, attempt %d: %s", about, attempt + 1, trouble)
            if attempt + 1 < patience.attempts:
                await asyncio.sleep(min(wait, _LONGEST_WAIT) * (1 + _JITTER.random() / 2))
        raise NoAnswerError(f"gave no answer in {patience.attempts} attempts (last: {trouble})")


def _asked_wait(reply: Reply, *, otherwise: float) -> float:
    """Return the seconds that a server asks to wait."""
    try:
        return max(0.0, float(reply.headers["retry-after"]))
    except (KeyError, ValueError, OverflowError):
        return otherwise
