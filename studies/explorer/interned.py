"""Texts that many cells share, held once."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts in order of first use; ``place`` says where one is."""

    _places: dict[str, int] = field(default_factory=dict)

    def place(self, text: str) -> int:
        """Return the place of a text, a new one at the end."""
        return self._places.setdefault(text, len(self._places))

    def listed(self) -> list[str]:
        """Return all texts, each at its place."""
        return list(self._places)
