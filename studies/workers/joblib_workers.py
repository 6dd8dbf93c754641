"""Workers that joblib starts on this machine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from joblib import Parallel, delayed, effective_n_jobs

from unsinter.studies.workers.errors import WorkersError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JoblibWorkers:
    """Workers of joblib's own backend: processes of this machine."""

    is_local: bool = field(default=True, init=False)

    def spread(
        self, call: Callable[..., T], jobs: Iterable[Sequence[Any]], *, shared: Sequence[Any], n_jobs: int
    ) -> Iterator[T]:
        """Yield ``call(*job, *shared)`` of each job, in their order.

        Raises
        ------
        WorkersError : a worker was killed.
        """
        calls = (delayed(call)(*job, *shared) for job in jobs)
        workers = Parallel(n_jobs=n_jobs, return_as="generator")
        with _losses_in_a_line():
            yield from workers(calls)

    def n_workers(self, n_jobs: int) -> int:
        """Return how many jobs are worked on at once."""
        return int(effective_n_jobs(n_jobs))


@contextmanager
def _losses_in_a_line() -> Iterator[None]:
    """Raise WorkersError for a worker that ended before its work."""
    try:
        yield
    except BrokenExecutor as error:
        raise WorkersError(
            "a worker process was killed before its work was done, as the system does where memory runs out; "
            "give fewer --jobs, or close what else takes memory: finished steps are kept, run again."
        ) from error
