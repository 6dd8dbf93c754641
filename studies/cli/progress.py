"""Progress off a terminal: a line when a step ends, and one a minute while it goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

EVERY = 60.0
"""Seconds between two lines of a step that goes on."""


@dataclass(slots=True, kw_only=True)
class ProgressLines:
    """Says in lines how far the steps of a run are.

    Attributes
    ----------
    show : prints a line.
    clock : seconds, of which only differences count.
    """

    show: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    began: dict[str, tuple[float, int]] = field(default_factory=dict)
    last_line: dict[str, float] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def __call__(self, step: str, done: int, total: int) -> None:
        """Take note that ``done`` of ``total`` are done, and say so where it is time to."""
        now = self.clock()
        # What was done before the first report, as of a run that is taken up, says nothing of the pace.
        began, before = self.began.setdefault(step, (now, done))
        last = self.last_line.setdefault(step, began)
        if done >= total:
            if step not in self.ended:
                self.ended.add(step)
                self.show(f"{step}: {total:,} done in {_seconds(now - began)}")
        elif now - last >= EVERY:
            self.last_line[step] = now
            left = ""
            if done > before:
                left = f", about {_seconds((now - began) / (done - before) * (total - done))} to go"
            self.show(f"{step}: {done:,} of {total:,} after {_seconds(now - began)}{left}")


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
