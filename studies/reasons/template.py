"""The words of one reason, as parts and without numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one code."""

    parts: tuple[str, ...]
    short: str

    @property
    def full(self) -> str:
        """Everything."""
        return "".join(self.parts)

    @property
    def plain(self) -> str:
        """The words without details."""
        return "".join(self.parts[::2])


def words(*parts: str, short: str | None = None) -> Words:
    """Return the words of a code from their parts; without ``short`` details are what it leaves out."""
    return Words(parts=parts, short="".join(parts[::2]) if short is None else short)
