"""Many questions at a time, from a thread of their own: answers come as they arrive, nothing twice."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic, TypeAlias, TypeVar

import httpx2

from unsinter.features.endpoint.attempts import Asker, Patience

Answer = TypeVar("Answer")
AskOne: TypeAlias = Callable[[Asker, int], Awaitable[Answer]]
"""(asker, place) -> the answer to the question of that place."""

_END = object()


def ask_many(
    ask_one: AskOne[Answer],
    n_questions: int,
    *,
    key: str | None,
    patience: Patience,
    workers: int,
    error: type[ValueError],
) -> Generator[tuple[int, Answer], None, None]:
    """Yield (place, answer) of questions 0 to ``n_questions - 1``, as the answers arrive.

    Questions are asked in order, ``workers`` at a time. Where some fail, all answers that came are yielded
    first, then the failure of the lowest place is raised: the same one whatever arrived when.

    Raises
    ------
    error : the environment names a proxy that cannot be used, or certificates that cannot be read.
    """
    loop = asyncio.new_event_loop()
    round_ = _Round(ask_one=ask_one, places=iter(range(n_questions)))
    # In a thread of its own, because a notebook's thread runs an event loop already.
    with ThreadPoolExecutor(max_workers=1) as pool:
        asking = loop.create_task(round_.run(key, patience, min(workers, max(n_questions, 1)), error))
        ended = pool.submit(_finished, loop, asking)
        ended.add_done_callback(lambda _: round_.arrived.put(_END))
        try:
            yield from _until_end(round_, ended)
        except BaseException:  # Ctrl-C in the thread that waits: the other one must not go on asking
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(asking.cancel)
            raise


def _until_end(round_: "_Round[Answer]", ended: "Future[None]") -> Iterator[tuple[int, Answer]]:
    while (item := round_.arrived.get()) is not _END:
        yield item  # type: ignore[misc]
    ended.result()
    if round_.failures:
        raise round_.failures[min(round_.failures)]


@dataclass(slots=True, kw_only=True)
class _Round(Generic[Answer]):
    """One round of questions, as it stands."""

    ask_one: AskOne[Answer]
    places: Iterator[int]
    arrived: SimpleQueue[object] = field(default_factory=SimpleQueue)
    failures: dict[int, Exception] = field(default_factory=dict)
    asking: "dict[int, asyncio.Task[None]]" = field(default_factory=dict)

    async def run(self, key: str | None, patience: Patience, n_workers: int, error: type[ValueError]) -> None:
        certificates = _certificates(error)
        async with (
            _client(n_workers, error, certificates, proxies=True) as client,
            _client(n_workers, error, certificates, proxies=False) as direct,
        ):
            asker = Asker(client=client, direct=direct, key=key, patience=patience)
            workers = [asyncio.ensure_future(self._work(asker)) for _ in range(n_workers)]
            try:
                await asyncio.gather(*workers, return_exceptions=True)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, asker: Asker) -> None:
        for place in self.places:
            if self.failures:
                return
            task = asyncio.ensure_future(self._answer(asker, place))
            self.asking[place] = task
            try:
                await task
            finally:
                task.cancel()
                del self.asking[place]

    async def _answer(self, asker: Asker, place: int) -> None:
        try:
            answer = await self.ask_one(asker, place)
        except Exception as failure:
            self.failures[place] = failure
            for later, task in self.asking.items():  # earlier ones may yet fail, and would be named instead
                if later > place:
                    task.cancel()
        else:
            self.arrived.put((place, answer))


def _certificates(error: type[ValueError]) -> ssl.SSLContext:
    try:
        return httpx2.create_ssl_context()
    except (OSError, ValueError):  # absent, no certificates, or a name that no file can have
        raise error(
            "The certificates that the environment names (SSL_CERT_FILE, SSL_CERT_DIR) cannot be read; "
            "correct or unset it."
        ) from None


def _client(
    n_connections: int, error: type[ValueError], certificates: ssl.SSLContext, *, proxies: bool
) -> httpx2.AsyncClient:
    """Return a client that asks through the proxies of the environment, or one that asks nobody between."""
    limits = httpx2.Limits(max_connections=n_connections)
    try:
        return httpx2.AsyncClient(timeout=None, limits=limits, verify=certificates, trust_env=proxies)
    except (ValueError, ImportError, httpx2.InvalidURL):
        raise error(
            "The proxy that the environment names (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) cannot be used; "
            "correct it or unset it."
        ) from None


def _finished(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    """Run a loop until its task is done, and close it with what the task left open."""
    try:
        loop.run_until_complete(task)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
