"""What a run is told that cannot change a number."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""(step in words, done, total)."""


def silent(step: str, done: int, total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things go, how many workers fit, who is told."""

    folder: Path
    cache_root: Path
    n_jobs: int = 1
    progress: Progress = silent
