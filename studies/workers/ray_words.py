"""What Ray has to say about lost workers, in one line; what our own code raised there, as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from unsinter.cache.errors import one_line
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.jobs import KEPT


@contextmanager
def plain_losses(what: str) -> Iterator[None]:
    """Raise WorkersError for work that Ray gave up, and the error itself where the work raised one."""
    from ray import exceptions

    try:
        yield
    except exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, Exception) and not isinstance(cause, exceptions.RayError):
            raise cause from error
        raise WorkersError(f"{what} on the Ray cluster {_loss(cause or error)}; {KEPT}.") from error
    except exceptions.RayError as error:
        raise WorkersError(f"{what} on the Ray cluster {_loss(error)}; {KEPT}.") from error


def is_loss(error: BaseException) -> bool:
    """Return whether a worker ended, in place of having raised an error."""
    from ray import exceptions

    return isinstance(error, exceptions.RayError) and not isinstance(error, exceptions.RayTaskError)


def _loss(error: BaseException) -> str:
    """Return how work was lost, and what helps."""
    from ray import exceptions

    if isinstance(error, exceptions.OutOfMemoryError) or "running low on memory" in str(error):
        return "ran out of memory; use nodes with more memory, or fewer CPUs of each (`ray start --num-cpus`)"
    if isinstance(error, exceptions.RayActorError | exceptions.WorkerCrashedError | exceptions.NodeDiedError):
        return "was lost with its worker time after time: nodes went, or ran out of memory and killed it"
    return f"failed ({type(error).__name__}: {one_line(error)[-200:]})"
