"""Cells: labelled rows, counted by independent groups rather than by records."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from unsinter.features.labelling.spellings import Refusal

Answered: TypeAlias = Refusal | Literal["other"]
"""What a response does: a value of R, or what its label says beside these."""

Cells = Counter[Any]
"""Independent groups per cell; a cell is whatever the key of the count returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRow:
    """One prompt, or one response with what is known of its prompt; None = unknown."""

    group: str
    source: str | None = None
    model: str | None = None
    refusal: Answered | None = None
    """What the response does, also where that is no class of R."""

    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Class of each target that is defined here, by the target's name, and the topic by its own."""

    def label(self, name: str) -> str | None:
        """Return the class of a target, or the topic; None where it is not defined or not known."""
        return self.labels.get(name)


def count_groups(rows: Iterable[LabelledRow], key: Callable[[LabelledRow], Hashable | None]) -> Cells:
    """Count independent groups per cell; a row whose key is None is in no cell."""
    return Counter(cell for cell, _ in {(key(row), row.group) for row in rows} if cell is not None)
