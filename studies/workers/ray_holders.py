"""Workers on Ray that each hold something costly, as a loaded model, and are replaced where they are lost."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from unsinter.studies.workers.ray_cluster import TRIES, Lack, RayCluster
from unsinter.studies.workers.ray_words import is_loss, plain_losses
from unsinter.studies.workers.versions import library_version, refuse_other_version

T = TypeVar("T")
Make = Callable[..., Callable[[Any], T]]
"""What is shared, to a call that does a part of the work; the call holds what is costly."""

_EVERY = 1.0
_START = -1
"""Place of the start of a holder among the tries of parts."""


class Holder:
    """One of them, on a node of the cluster."""

    def __init__(self, work: tuple[Make[Any], Sequence[Any], str]) -> None:
        self._make, self._shared, self._version = work
        self._call: Callable[[Any], Any] | None = None

    def prepare(self) -> None:
        """Make what is held; apart from ``__init__``, so that its errors arrive as they are."""
        refuse_other_version(self._version)
        self._call = self._make(*self._shared)

    def work(self, part: Any) -> Any:
        """Do one part."""
        assert self._call is not None
        return self._call(part)


@dataclass(slots=True, kw_only=True)
class Holders:
    """Holders at work on parts, each part with one of them at a time.

    A part whose holder is lost goes to the next that is free, and another holder is started in its place:
    on the same node, on another, or on one that joins later.

    Attributes
    ----------
    cpus, gpus, n : of each, and how many.
    """

    cluster: RayCluster
    make: Make[Any]
    shared: Sequence[Any]
    cpus: int
    gpus: int
    n: int
    tries: dict[int, int] = field(default_factory=dict)
    starting: dict[Any, Any] = field(default_factory=dict)
    """Reference that is ready once a holder is prepared -> the holder."""
    working: dict[Any, tuple[Any, int]] = field(default_factory=dict)
    """Reference of a result -> holder and place of the part."""

    def run(self, parts: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield place and result of each part, as they are done.

        Raises
        ------
        WorkersError : a part, or the start of a holder, was lost more often than is put up with.
        """
        ray = self.cluster.ray
        waiting = deque(range(len(parts)))
        work = ray.put((self.make, self.shared, library_version()))
        lack = Lack(self.cluster, cpus=self.cpus, gpus=self.gpus)
        idle: list[Any] = []
        for _ in range(min(self.n, len(parts))):
            self._start(work)
        try:
            while waiting or self.working:
                while idle and waiting:
                    place = waiting.popleft()
                    holder = idle.pop()
                    self.working[holder.work.remote(parts[place])] = holder, place
                done, _ = ray.wait([*self.working, *self.starting], num_returns=1, timeout=_EVERY)
                self.cluster.check_head()
                if not self.working:
                    passed = 0.0 if done else _EVERY
                    lack.refuse_if_long(passed)
                    lack.tell_if_long(passed)
                for reference in done:
                    if reference in self.starting:
                        idle += self._prepared(reference, work)
                    else:
                        yield from self._finished(reference, waiting, idle, work)
        finally:
            left = (*idle, *self.starting.values(), *(holder for holder, _ in self.working.values()))
            for holder in () if self.cluster.is_lost else left:
                ray.kill(holder)

    def _start(self, work: Any) -> None:
        options = {"num_cpus": self.cpus, "num_gpus": self.gpus, "scheduling_strategy": "SPREAD"}
        holder = self.cluster.ray.remote(max_restarts=0, max_task_retries=0, **options)(Holder).remote(work)
        self.starting[holder.prepare.remote()] = holder

    def _prepared(self, reference: Any, work: Any) -> list[Any]:
        """Return the holder, free to work; none, with another started, where it was lost."""
        holder = self.starting.pop(reference)
        if not self._is_lost(reference, _START, "the start of a worker"):
            return [holder]
        self._start(work)
        return []

    def _finished(
        self, reference: Any, waiting: deque[int], idle: list[Any], work: Any
    ) -> Iterator[tuple[int, Any]]:
        holder, place = self.working.pop(reference)
        if self._is_lost(reference, place, f"part {place + 1}"):
            waiting.appendleft(place)
            self._start(work)
            return
        idle.append(holder)
        self.tries.pop(_START, None)
        yield place, self.cluster.ray.get(reference)

    def _is_lost(self, reference: Any, place: int, what: str) -> bool:
        """Return whether a result will never come; raise what its code raised, or what was lost too often."""
        try:
            self.cluster.ray.get(reference)
        except Exception as error:
            self.tries[place] = self.tries.get(place, 0) + 1
            if is_loss(error) and self.tries[place] <= TRIES:
                return True
            with plain_losses(what):
                raise
        return False


def holders_on(cluster: RayCluster, make: Make[Any], shared: Sequence[Any]) -> Holders:
    """Return as many holders as the cluster has room for: with GPUs, or one to a node of the largest kind."""
    resources = [node["Resources"] for node in cluster.nodes()]
    if cluster.gpus:
        n = sum(int(own.get("GPU", 0)) // cluster.gpus for own in resources)
        return Holders(cluster=cluster, make=make, shared=shared, cpus=1, gpus=cluster.gpus, n=max(1, n))
    cpus = int(max(own.get("CPU", 0) for own in resources))
    n = sum(int(own.get("CPU", 0)) // cpus for own in resources)
    return Holders(cluster=cluster, make=make, shared=shared, cpus=cpus, gpus=0, n=max(1, n))
