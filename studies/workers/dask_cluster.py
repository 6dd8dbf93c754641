"""The workers of a Dask scheduler: jobs are done anew where a worker was lost, and errors are one line."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

from unsinter.cache.errors import one_line
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.first_word import first_word
from unsinter.studies.workers.jobs import KEPT, PATIENCE, Work, in_order, run_job
from unsinter.studies.workers.versions import (
    described_by_value,
    library_and_python,
    library_version,
    other_version,
)

T = TypeVar("T")

_REACH, _EVERY = 10.0, 1.0
"""Seconds for a connection, and between two looks at the workers."""

_ANSWER = 60.0
"""Seconds in which a scheduler or a worker answers: one that is stopped, or cut off, never does."""

_LEAVE = 5.0
"""Seconds for taking leave."""


@dataclass(frozen=True, slots=True)
class DaskWorkers:
    """The workers of a scheduler that this process is connected to; see `dask_workers`."""

    client: Any
    is_local: bool = field(default=False, init=False)

    def spread(
        self, call: Callable[..., T], jobs: Iterable[Sequence[Any]], *, shared: Sequence[Any], n_jobs: int
    ) -> Iterator[T]:
        """Yield ``call(*job, *shared)`` of each job, in their order.

        Raises
        ------
        WorkersError : a job lost its worker again and again, or the scheduler or all workers are gone.
        """
        # As a result, not as scattered data: that of a lost worker is made anew.
        work = self._submit(_same, (call, tuple(shared), library_version()))
        yield from in_order(
            jobs,
            submit=lambda job: self._submit(run_job, work, job),
            result=self._result,
            n_workers=lambda: self.n_workers(n_jobs),
        )

    def n_workers(self, n_jobs: int) -> int:
        """Return how many workers the scheduler has now."""
        with _loss_in_a_line():
            return max(1, len(_threads(self.client)))

    def _submit(self, *call: Any) -> Any:
        with _loss_in_a_line():
            return self.client.submit(*call, pure=False)

    def _result(self, future: Any) -> Any:
        """Return what a job returned, or raise what it raised."""
        from distributed import KilledWorker

        limits = [_REACH, _ANSWER]
        while True:
            with _loss_in_a_line():
                self._wait(future)
                if future.cancelled():
                    raise CancelledError
                if future.status != "finished":
                    break
                try:
                    return future.result(timeout=limits[0])
                except TimeoutError:
                    # Done no longer: the worker that held the result is gone, and the job is done again.
                    if future.done() and not limits[1:]:
                        raise
                    limits = limits[-1:] if future.done() else limits
        try:
            return future.result()
        except KilledWorker as error:
            raise WorkersError(
                "a job on the Dask cluster lost its worker time after time: workers went, or ran out of "
                f"memory; {KEPT}."
            ) from error

    def _wait(self, future: Any) -> None:
        """Wait until a job is done; raise WorkersError where for long there is no worker to do it."""
        from distributed import wait

        latest = monotonic()
        while not future.done():
            try:
                wait(future, timeout=_EVERY)  # type: ignore[no-untyped-call, unused-ignore]
            except TimeoutError:
                latest = monotonic() if _threads(self.client) else latest
                if monotonic() - latest > PATIENCE:
                    raise WorkersError(
                        f"the scheduler of Dask has had no worker for {PATIENCE:.0f} seconds; start some "
                        f"with `dask worker {self.client.scheduler.address}`; {KEPT}."
                    ) from None


@contextmanager
def dask_workers(address: str) -> Iterator[DaskWorkers]:
    """Connect to a scheduler, and leave it at the end.

    Raises
    ------
    WorkersError : Dask is not installed, no scheduler answers, it has no worker, or workers of other
        versions or of several threads.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise WorkersError(
            "--backend dask needs distributed, which is not installed; pip install '.[dask]' in unsinter's "
            "repository, here and on every node."
        ) from error
    # It speaks of lost connections with tracebacks, and of matrices in jobs; the first ends here in a line.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "100GB"}):
        try:
            _refuse_other_server(address)
            client: Any = Client(address, timeout=_REACH)  # type: ignore[no-untyped-call, unused-ignore]
        except WorkersError:
            raise
        except (OSError, ValueError) as error:
            raise WorkersError(
                f"no scheduler of Dask answers at {address} ({one_line(error)[:200]}); start one there with "
                "`dask scheduler`."
            ) from error
        try:
            with _loss_in_a_line():
                _refuse_other_workers(client, address)
            yield DaskWorkers(client)
        finally:
            with suppress(OSError, RuntimeError):  # gone, or it does not answer: there is no leave to take
                client.close(timeout=_LEAVE)


def _refuse_other_server(address: str) -> None:
    """Raise WorkersError where what listens is no scheduler: one greets at once, and a client waits for ever.

    Raises
    ------
    OSError, ValueError : nobody listens there, or it is no address.
    """
    from distributed.comm.addressing import parse_address, parse_host_port

    kind, place = parse_address(address)  # type: ignore[no-untyped-call, unused-ignore]
    if kind != "tcp":
        return
    host, port = parse_host_port(place)  # type: ignore[no-untyped-call, unused-ignore]
    if not first_word(host, port, seconds=_REACH):
        raise WorkersError(
            f"what answers at {address} is no scheduler of Dask, or one that is stopped: its port is 8786 "
            "unless `dask scheduler --port` named another (8787 is that of the dashboard)."
        )


def _threads(client: Any) -> Mapping[str, int]:
    """Return the threads of each worker, by address; TimeoutError where the scheduler does not answer."""
    threads: Mapping[str, int] = client.nthreads(callback_timeout=_ANSWER)
    return threads


def _refuse_other_workers(client: Any, address: str) -> None:
    """Ask every worker for its versions and threads; one that does not fit is refused by its address."""
    threads = _threads(client)
    if not threads:
        raise WorkersError(
            f"the scheduler of Dask at {address} has no worker; start some with `dask worker {address} "
            "--nthreads 1`."
        )
    for node, number in threads.items():
        if number != 1:
            raise WorkersError(
                f"worker {node} of Dask has {number} threads, which would fit probes in one process at once; "
                f"start workers with one each: `dask worker {address} --nthreads 1 --nworkers {number}`."
            )
    ours = library_and_python()
    for node in threads:
        theirs = _description(client, node)
        if theirs != ours:
            raise WorkersError(other_version(node, theirs, ours))


def _description(client: Any, node: str) -> str:
    """Return both versions of a worker, which it says between its jobs and beside them."""
    # As `client.run`, which has no limit of time.
    question = client._run, described_by_value()
    try:
        answers = client.sync(*question, workers=[node], on_error="return", callback_timeout=_ANSWER)
    except TimeoutError as error:
        raise WorkersError(
            f"worker {node} of Dask has not answered for {_ANSWER:.0f} seconds: it is stopped or cut off; "
            "end it, and run again."
        ) from error
    answer = answers.get(node, "it is gone")
    if isinstance(answer, BaseException):
        raise WorkersError(f"worker {node} of Dask cannot run unsinter: {one_line(answer)[-300:]}")
    return str(answer)


def _same(work: Work) -> Work:
    return work


@contextmanager
def _loss_in_a_line() -> Iterator[None]:
    """Raise WorkersError where the scheduler does not answer any more; no code of a job runs in the block."""
    try:
        yield
    except TimeoutError as error:
        raise WorkersError(
            f"the scheduler of Dask has not answered for {_ANSWER:.0f} seconds, or a worker that holds a "
            f"result: it is stopped, cut off or out of memory; start it and its workers anew; {KEPT}."
        ) from error
    except (CancelledError, OSError, RuntimeError) as error:
        raise WorkersError(
            f"the scheduler of Dask is gone, or the connection to it; start it and its workers; {KEPT}."
        ) from error
