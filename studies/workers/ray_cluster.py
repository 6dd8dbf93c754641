"""A Ray cluster as workers: tasks that are tried again, holders of models that are replaced, where lost."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread
from typing import Any, TypeVar

from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.jobs import KEPT, PATIENCE, in_order, run_job
from unsinter.studies.workers.ray_words import plain_losses
from unsinter.studies.workers.versions import library_version

T = TypeVar("T")
logger = logging.getLogger(__name__)

TRIES = 4
"""How often a piece of work is begun anew after its worker was lost."""

_EVERY = 1.0

_HEAD = 20.0
"""Seconds in which the head of a cluster answers. After a minute Ray would end this process, in its words."""


@dataclass(slots=True, kw_only=True)
class RayCluster:
    """The workers of a cluster that this process is connected to; see `connected`.

    Attributes
    ----------
    gpus : that each model takes.
    """

    ray: Any
    gpus: int
    is_local: bool = field(default=False, init=False)
    is_lost: bool = field(default=False, init=False)
    """Whether the head is gone."""

    def spread(
        self, call: Callable[..., T], jobs: Iterable[Sequence[Any]], *, shared: Sequence[Any], n_jobs: int
    ) -> Iterator[T]:
        """Yield ``call(*job, *shared)`` of each job, in their order.

        Raises
        ------
        WorkersError : a job lost its worker again and again, or no node is left.
        """
        task = self.ray.remote(num_cpus=1, max_retries=TRIES)(run_job)
        work = self.ray.put((call, shared, library_version()))
        yield from in_order(
            jobs,
            submit=lambda job: task.remote(work, job),
            result=self._result,
            n_workers=lambda: self.n_workers(n_jobs),
            forget=self._forget,
        )

    def n_workers(self, n_jobs: int) -> int:
        """Return the CPUs of the cluster as it is now."""
        return max(1, int(self._answered(self.ray.cluster_resources).get("CPU", 0)))

    def _forget(self, reference: Any) -> None:
        if not self.is_lost:
            self.ray.cancel(reference, force=True)

    def _result(self, reference: Any) -> Any:
        lack = Lack(self, cpus=1, gpus=0)
        with plain_losses("a task"):
            while not self.ray.wait([reference], timeout=_EVERY)[0]:
                lack.refuse_if_long(_EVERY)
            return self.ray.get(reference)

    def check_head(self) -> None:
        """Raise WorkersError where the head of the cluster does not answer any more."""
        self.nodes()

    def nodes(self) -> list[dict[str, Any]]:
        """Return the nodes that are there."""
        return [node for node in self._answered(self.ray.nodes) if node["Alive"]]

    def _answered(self, question: Callable[[], T]) -> T:
        """Return what the head says; one that is gone, or stopped, is waited for in another thread.

        Raises
        ------
        WorkersError : it does not answer.
        """
        answers: Queue[T] = Queue()

        def ask() -> None:
            with suppress(Exception):  # Ray gave the head up: no answer either
                answers.put(question())

        Thread(target=ask, daemon=True).start()
        try:
            return answers.get(timeout=_HEAD)
        except Empty as error:
            self.is_lost = True
            raise WorkersError(
                f"the head of the Ray cluster has not answered for {_HEAD:.0f} seconds: it is gone, stopped "
                f"or cut off; start the cluster anew; {KEPT}."
            ) from error


@dataclass(slots=True)
class Lack:
    """For how long no node has had so much, or has given it."""

    cluster: RayCluster
    cpus: int
    gpus: int
    seconds: float = 0.0
    busy: float = 0.0

    def tell_if_long(self, passed: float) -> None:
        """Say once, in the log, that for long nothing has begun; call it as time goes by and nothing does."""
        before, self.busy = self.busy, self.busy + passed
        if before <= PATIENCE < self.busy:
            logger.warning(
                "no worker on the Ray cluster has begun for %.0f seconds: each needs %d CPUs and %d GPUs, "
                "which other work may hold, and then loads the model; still waiting.",
                self.busy,
                self.cpus,
                self.gpus,
            )

    def refuse_if_long(self, passed: float) -> None:
        """Raise WorkersError where that is longer than one waits for; call it as time goes by."""
        fits = any(
            node["Resources"].get("CPU", 0) >= self.cpus and node["Resources"].get("GPU", 0) >= self.gpus
            for node in self.cluster.nodes()
        )
        self.seconds = 0.0 if fits else self.seconds + passed
        if self.seconds > PATIENCE:
            gpus = f" and {self.gpus} GPUs" if self.gpus else ""
            raise WorkersError(
                f"no node of the Ray cluster has had {self.cpus} CPUs{gpus} for {PATIENCE:.0f} seconds; add "
                "nodes and run again: what is finished is kept."
            )
