"""What a tracker of experiments must be able to take."""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

Setting: TypeAlias = str | int | float | bool


class Tracker(Protocol):
    """One run in a tracker; any call may raise whatever the tracker's package raises."""

    place: str
    """Where the run goes, and how it is looked at, in words."""

    def log(self, numbers: Mapping[str, float], *, layer: int | None = None) -> None:
        """Take numbers by name; with ``layer`` they are a point of a curve over layers."""

    def note(self, texts: Mapping[str, Setting]) -> None:
        """Take facts in words by name."""

    def end(self, *, is_whole: bool) -> None:
        """End the run, as finished or as broken off."""
