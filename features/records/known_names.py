"""Names that are known, listed where another was written."""

from collections.abc import Iterable
from difflib import get_close_matches

from unsinter.features.records.record import (
    LONGEST_SHOWN,
    abbreviate,
)

_COMPARED = 1_000
"""Columns among which a misspelt one is looked for."""


def near_name(name: str, known: Iterable[str]) -> str:
    """Return which of the known names may have been meant, or what they are."""
    # A name as long as a text is no misspelling, and comparing such names takes time that grows with both.
    short = [other for other in known if len(other) <= LONGEST_SHOWN][:_COMPARED]
    matches = get_close_matches(name, short, n=3, cutoff=0.5) if len(name) <= LONGEST_SHOWN else []
    return f"did you mean {' or '.join(map(repr, matches))}?" if matches else f"known: {listing(known)}"


def listing(names: Iterable[str]) -> str:
    """Return the first names, each as long as an error shows it, and how many more there are."""
    names = list(names)
    shown = (name if len(name) <= LONGEST_SHOWN else abbreviate(name) for name in names[:15])
    return ", ".join(shown) + (f" and {len(names) - 15} more" if len(names) > 15 else "")
