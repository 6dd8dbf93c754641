"""When the steps of a run begin and end, as lines of its log."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from unsinter.studies.study.run_options import Progress


@dataclass(slots=True, kw_only=True)
class StepLog:
    """Logs each step in words twice, when it begins and when it ends.

    Nothing is written before a model has been read without complaint: what happens until then is kept back,
    with its own time.

    Attributes
    ----------
    log : writes one event with its facts, as ``RunFolder.log`` does.
    """

    log: Callable[..., None]
    is_open: bool = False
    began: dict[str, float] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    waiting: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def open(self) -> None:
        """Write what was kept back, and from now on each event at once."""
        self.is_open = True
        for event, facts in self.waiting:
            self.log(event, **facts)
        self.waiting.clear()

    def follow(self, progress: Progress) -> Progress:
        """Return ``progress`` that is also logged."""

        def report(step: str, done: int, total: int) -> None:
            progress(step, done, total)
            if step not in self.began:
                self.began[step] = time.monotonic()
                self._note("step", step=step, total=total)
            if done >= total and step not in self.ended:
                self.ended.add(step)
                seconds = round(time.monotonic() - self.began[step], 2)
                self._note("step done", step=step, seconds=seconds)

        return report

    def _note(self, event: str, **facts: Any) -> None:
        if self.is_open:
            self.log(event, **facts)
        else:
            self.waiting.append((event, {"time": round(time.time(), 3), **facts}))
