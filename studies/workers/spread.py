"""The one place where work is spread: over this machine unless `spread_on` names other workers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from unsinter.studies.data.site_readers import ReadSite, StoredReader
from unsinter.studies.workers.joblib_workers import JoblibWorkers

T = TypeVar("T")
Call = Callable[..., T]


class Workers(Protocol):
    """What does the work: processes of this machine, or those of a cluster."""

    @property
    def is_local(self) -> bool:
        """Whether all of it happens on this machine, in as many processes as the caller asks for."""

    def spread(
        self, call: Call[T], jobs: Iterable[Sequence[Any]], *, shared: Sequence[Any], n_jobs: int
    ) -> Iterator[T]:
        """Yield ``call(*job, *shared)`` of each job, in their order."""

    def n_workers(self, n_jobs: int) -> int:
        """Return how many jobs are worked on at once."""


_ACTIVE: ContextVar[Workers | None] = ContextVar("workers", default=None)
_HERE = JoblibWorkers()


def active_workers() -> Workers:
    """Return who works now: this machine's processes unless a block of `spread_on` says otherwise."""
    return _ACTIVE.get() or _HERE


@contextmanager
def spread_on(workers: Workers) -> Iterator[None]:
    """Let all work of the block be done by these workers; no result depends on who they are."""
    token = _ACTIVE.set(workers)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def spread(
    call: Call[T], jobs: Iterable[Sequence[Any]], *, shared: Sequence[Any] = (), n_jobs: int = 1
) -> Iterator[T]:
    """Yield ``call(*job, *shared)`` of each job, in their order and as they are done.

    Parameters
    ----------
    call : a function of a module, so that other processes find it.
    shared : the same for all jobs; sent to a machine once where there are several.
    n_jobs : processes of this machine; a cluster uses all that it has.

    Raises
    ------
    WorkersError : workers ended or were lost, more often than is put up with.
    """
    return active_workers().spread(call, jobs, shared=shared, n_jobs=n_jobs)


def spread_sites(
    call: Call[T],
    read: ReadSite,
    jobs: Iterable[Sequence[Any]],
    *,
    shared: Sequence[Any] = (),
    n_jobs: int = 1,
) -> Iterator[T]:
    """Yield ``call(X, *job, *shared)`` of each job, whose first part is the site that X is read at.

    Whoever works on a job reads its rows where they are stored: no matrix is sent. Activations that are
    stored nowhere are read here.
    """
    if isinstance(read, StoredReader):
        reader = read.to_send()
        return spread(_read_and_call, ([job] for job in jobs), shared=(call, reader, shared), n_jobs=n_jobs)
    return spread(call, ((read(*job[0]), *job) for job in jobs), shared=shared, n_jobs=n_jobs)


def n_workers(n_jobs: int) -> int:
    """Return how many jobs are worked on at once."""
    return active_workers().n_workers(n_jobs)


def _read_and_call(job: Sequence[Any], call: Call[T], read: ReadSite, shared: Sequence[Any]) -> T:
    """Read the site of a job, and call."""
    return call(read(*job[0]), *job, *shared)
