"""What is worth knowing of a study's prompts before a number is read."""

from collections import Counter
from collections.abc import Sequence

from unsinter.features.records.duplicates import Grouping, Wrapped
from unsinter.features.records.names import common_spellings, name_key, respelled
from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.spellings import name_notes

_SEPARATORS = (";", "|", ",", "/", "+", "&")
"""What people write between the names of one field."""


def prompt_notes(prompts: Sequence[PromptRecord], grouping: Grouping) -> list[str]:
    """Return a sentence per thing that was read otherwise than it stands in the file, or joined groups."""
    return [
        *map(_wrapper_note, grouping.wrapped),
        *name_notes(prompts),
        *_joined_notes(prompts),
        *_group_notes(prompts),
    ]


def _wrapper_note(wrapped: Wrapped) -> str:
    what, inside = ("template", "fill its slots") if wrapped.is_template else ("wrapper", "stand inside it")
    return (
        f"One {what}, which begins {wrapped.opening!r}, makes {wrapped.n_records:,} prompts near copies, so "
        f"that they are one group, though {wrapped.n_requests:,} different requests {inside}. To "
        "compare without it set prompts.near_copies.strip_wrapper: true (`check --strip-wrapper`), or raise "
        "prompts.near_copies.threshold and word_threshold (`check --near-copies 0.95`)."
    )


def _joined_notes(prompts: Sequence[PromptRecord]) -> list[str]:
    """Name the first category that joins names which stand alone elsewhere: it may mean several."""
    names = Counter(record.category for record in prompts if record.category is not None)
    known = set(map(name_key, names))
    for name, n in names.items():
        for separator in _SEPARATORS:
            parts = [part.strip() for part in name.split(separator)]
            if len(parts) > 1 and known.issuperset(map(name_key, parts)):
                way = f"columns: {{category: {{field: COLUMN, separator: {separator!r}}}}}"
                joined = f"The category {name!r} ({n:,} prompts) joins names that are categories of their own"
                return [f"{joined} and is read as one more category; if it means several, say so with {way}."]
    return []


def _group_notes(prompts: Sequence[PromptRecord]) -> list[str]:
    """Name groups whose names differ by case alone: they may be meant as one, and were not joined."""
    notes = []
    for field in ("group", "pair_id"):
        others = respelled(common_spellings(getattr(record, field) for record in prompts))
        if others:
            kept, written = next(iter(sorted(others.items())))
            alike = " and ".join(map(repr, [kept, *written]))
            more = f" ({len(others) - 1:,} more such names)" if len(others) > 1 else ""
            notes.append(f"The {field} names {alike} differ by case alone and are kept apart{more}.")
    return notes
