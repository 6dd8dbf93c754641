"""Cells: labelled rows, counted by independent groups rather than by records."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Refusal = Literal["refusal", "partial", "compliance", "other"]
Cells = Counter[Any]
"""Independent groups per cell; a cell is whatever the key of the count returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRow:
    """One prompt, or one response with what is known of its prompt; None = unknown."""

    group: str
    harmful: bool | None = None
    category: str | None = None
    """Of harm: known of harmful prompts alone."""

    topic: str | None = None
    """What a prompt is about, harmful or not."""

    source: str | None = None
    model: str | None = None
    refusal: Refusal | None = None
    wording: str | None = None
    own: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Class of each target of the study's own that is defined here, by the target's name."""


def count_groups(rows: Iterable[LabelledRow], key: Callable[[LabelledRow], Hashable | None]) -> Cells:
    """Count independent groups per cell; a row whose key is None is in no cell."""
    return Counter(cell for cell, _ in {(key(row), row.group) for row in rows} if cell is not None)
