"""One spelling per category, source and wording, and what to say of the ones that were read as another."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from unsinter.features.records.names import common_spellings
from unsinter.features.records.record import MISSING_WORD, PromptRecord, ResponseRecord

RecordT = TypeVar("RecordT", PromptRecord, ResponseRecord)

WRITTEN = "_written"
"""Ends the name of the field that keeps a name as it was written, as ``category_written``."""

_SHOWN = 5


def unify_prompts(prompts: Sequence[PromptRecord]) -> list[PromptRecord]:
    """Return prompts whose categories and sources have one name where they differ by case or code points.

    Topics share the names of categories: they stand in where a prompt has none.
    """
    return _unify(_unify(prompts, ("category", "topic")), ("source",))


def unify_responses(responses: Sequence[ResponseRecord]) -> list[ResponseRecord]:
    """Return responses whose wordings have one name where they differ by case or code points."""
    return _unify(responses, ("wording",))


def name_notes(records: Iterable[PromptRecord | ResponseRecord]) -> list[str]:
    """Say which words were read as a missing name, and which names as another one, in how many records."""
    missing: dict[str, Counter[str]] = {}
    written: dict[tuple[str, str], Counter[str]] = {}
    for record in records:
        for name, word in (record.model_extra or {}).items():
            if name.endswith(MISSING_WORD) and isinstance(word, str):
                missing.setdefault(name.removesuffix(MISSING_WORD), Counter())[word.strip()] += 1
            elif (
                name.endswith(WRITTEN) and (field := name.removesuffix(WRITTEN)) in type(record).model_fields
            ):
                written.setdefault((field, str(getattr(record, field))), Counter())[str(word)] += 1
    notes = [
        f"A {field} that says there is none counts as missing: {_listing(words)}."
        for field, words in sorted(missing.items())
    ]
    return notes + [
        f"The {field} {kept!r} is also written {_listing(words, repr)}; they count as one."
        for (field, kept), words in sorted(written.items())
    ]


def _listing(words: Counter[str], shown: Callable[[str], str] = str) -> str:
    text = ", ".join(f"{shown(word)} {n:,}" for word, n in words.most_common(_SHOWN))
    return text + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")


def _unify(records: Sequence[RecordT], fields: Sequence[str]) -> list[RecordT]:
    common = common_spellings(getattr(record, field) for record in records for field in fields)
    return [_respelled(record, fields, common) for record in records]


def _respelled(record: RecordT, fields: Sequence[str], common: dict[str, str]) -> RecordT:
    written = {field: getattr(record, field) for field in fields}
    other = {field: name for field, name in written.items() if name is not None and common[name] != name}
    if not other:
        return record
    new = {field: common[name] for field, name in other.items()}
    return record.model_copy(update=new | {f"{field}{WRITTEN}": name for field, name in other.items()})
