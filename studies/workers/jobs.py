"""One job, as a node of a cluster does it."""

from collections.abc import Callable, Sequence
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
