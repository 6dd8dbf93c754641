"""One job, as a node of a cluster does it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from unsinter.studies.workers.versions import refuse_other_version

T = TypeVar("T")

Work = tuple[Callable[..., Any], Sequence[Any], str]
"""What is the same for all jobs: the call, its shared arguments, the version of this library."""

AHEAD = 2
"""Jobs on their way for each CPU of a cluster, so that none waits for the next."""

PATIENCE = 120.0
"""Seconds that a cluster may lack what is needed, as while its nodes are replaced."""

KEPT = "what is finished is kept, run again"


def run_job(work: tuple[Callable[..., T], Sequence[Any], str], job: Sequence[Any]) -> T:
    """Do one job.

    Raises
    ------
    WorkersError : this node has another version of the library.
    """
    call, shared, version = work
    refuse_other_version(version)
    return call(*job, *shared)


def in_order(
    jobs: Iterable[Sequence[Any]],
    *,
    submit: Callable[[Sequence[Any]], Any],
    result: Callable[[Any], T],
    n_workers: Callable[[], int],
    forget: Callable[[Any], object] = lambda reference: None,
) -> Iterator[T]:
    """Yield the result of each job, in their order, with some jobs on their way for each worker.

    Parameters
    ----------
    submit, result : a job to what stands for its result, and that to the result, once it is there.
    n_workers : as there are now; workers come and go.
    forget : called with what was submitted and is not waited for, where the caller stops early.
    """
    waiting: deque[Any] = deque()
    try:
        for job in jobs:
            waiting.append(submit(job))
            while len(waiting) >= AHEAD * n_workers():
                yield result(waiting.popleft())
        while waiting:
            yield result(waiting.popleft())
    finally:
        while waiting:
            forget(waiting.popleft())
