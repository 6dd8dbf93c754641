"""What is worth knowing of a study's prompts before a number is read."""

from collections.abc import Sequence

from unsinter.features.records.duplicates import Grouping, Wrapped
from unsinter.features.records.names import common_spellings, respelled
from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.spellings import name_notes


def prompt_notes(prompts: Sequence[PromptRecord], grouping: Grouping) -> list[str]:
    """Return a sentence per thing that was read otherwise than it stands in the file, or joined groups."""
    return [*map(_wrapper_note, grouping.wrapped), *name_notes(prompts), *_group_notes(prompts)]


def _wrapper_note(wrapped: Wrapped) -> str:
    what, inside = ("template", "fill its slots") if wrapped.is_template else ("wrapper", "stand inside it")
    return (
        f"One {what}, which begins {wrapped.opening!r}, makes {wrapped.n_records:,} prompts near copies, so "
        f"that they are one group, though {wrapped.n_requests:,} different requests {inside}. To "
        "compare without it set prompts.near_copies.strip_wrapper: true (`check --strip-wrapper`), or raise "
        "prompts.near_copies.threshold and word_threshold (`check --near-copies 0.95`)."
    )


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
