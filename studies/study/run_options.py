"""What a run is told that cannot change a number."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

from unsinter.cache import Share
from unsinter.cache.location import cache_root, default_root, expand_home

Progress: TypeAlias = Callable[[str, int, int], None]
"""(step in words, done, total)."""


T = TypeVar("T")


def silent(step: str, done: int, total: int) -> None:
    """Report no progress."""


def nothing() -> None:
    """Do nothing."""


@dataclass(slots=True, kw_only=True)
class StepCount:
    """How much of a step is done: reported when it begins, with each part, and when it ends.

    A step of no parts is not reported at all.
    """

    progress: Progress
    step: str
    total: int
    done: int = 0

    def __post_init__(self) -> None:
        self._report(0)

    def one(self) -> None:
        """Note one more part."""
        self.done += 1
        if self.done < self.total:
            self._report(self.done)

    def reach(self, done: int) -> None:
        """Note that so many parts are done, where it is more than were noted."""
        if self.done < done < self.total:
            self.done = done
            self._report(done)

    def end(self) -> None:
        """Note that the step is over, however many parts it had."""
        self._report(self.total)

    def _report(self, done: int) -> None:
        if self.total:
            self.progress(self.step, done, self.total)


def counted(items: Iterable[T], progress: Progress, step: str, total: int) -> Iterator[T]:
    """Yield the items of a step, and report each when the next one is asked for."""
    count = StepCount(progress=progress, step=step, total=total)
    for item in items:
        yield item
        count.one()
    count.end()


_COUNT: ContextVar[Callable[[], None]] = ContextVar("count", default=nothing)


@contextmanager
def parts_counted(count: Callable[[], None]) -> Iterator[None]:
    """Let ``count`` be called for each part that work inside the block has done, in this process."""
    token = _COUNT.set(count)
    try:
        yield
    finally:
        _COUNT.reset(token)


def part_done() -> None:
    """Note, from deep inside long work, that a part of it is done; nothing happens where nobody counts."""
    _COUNT.get()()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things go, how many workers fit, who is told.

    Attributes
    ----------
    folder, cache_root : of the run, and of activations; text is taken as a path, ``~`` as the home folder.
        Activations may also lie in ``s3://bucket/prefix``.
    n_jobs : processes: models beside each other where they fit into memory, then workers that fit probes.
    """

    folder: Path
    cache_root: Path = field(default_factory=default_root)
    n_jobs: int = 1
    runs_code: bool = False
    """Whether models of which the study says ``wrap`` may run the code of their folders."""

    storage: str | None = None
    """Optuna storage that tuning fills; None: a journal in the run's folder."""

    share: Share | None = None
    """The part of the activations that this process extracts; None: all of them."""

    progress: Progress = silent
    on_read: Callable[[], None] = nothing
    """Called when a model has been read without complaint; before that nothing is written to the folder."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", expand_home(self.folder))
        object.__setattr__(self, "cache_root", cache_root(self.cache_root))
