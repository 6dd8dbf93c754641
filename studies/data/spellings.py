"""One spelling per category, source and wording, and what to say of words that mean "missing"."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from unsinter.features.names import common_spellings, respelled
from unsinter.features.records import MISSING_WORD, PromptRecord, ResponseRecord

RecordT = TypeVar("RecordT", PromptRecord, ResponseRecord)

_TOPICS = ("category", "topic")
"""Fields that share their names: a topic stands in where a prompt has no category."""

_SHOWN = 5


def unify_prompts(prompts: Sequence[PromptRecord]) -> tuple[list[PromptRecord], list[str]]:
    """Return the prompts with names that differ by case or code points as one, and a note per such name."""
    records, notes = _unify(prompts, _TOPICS, "category")
    records, more = _unify(records, ("source",), "source")
    return records, [*notes, *more]


def unify_responses(responses: Sequence[ResponseRecord]) -> tuple[list[ResponseRecord], list[str]]:
    """Return the responses with wordings that differ by case or code points as one, and notes."""
    return _unify(responses, ("wording",), "wording")


def missing_notes(records: Iterable[PromptRecord | ResponseRecord]) -> list[str]:
    """Say which words were read as a missing group, category and so on, and in how many records."""
    counts: dict[str, Counter[str]] = {}
    for record in records:
        for name, word in (record.model_extra or {}).items():
            if name.endswith(MISSING_WORD) and isinstance(word, str):
                counts.setdefault(name.removesuffix(MISSING_WORD), Counter())[word.strip()] += 1
    return [
        f"A {name} that says there is none counts as missing: {_listing(words)}."
        for name, words in sorted(counts.items())
    ]


def _listing(words: Counter[str]) -> str:
    shown = ", ".join(f"{word} {n:,}" for word, n in words.most_common(_SHOWN))
    return shown + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")


def _unify(records: Sequence[RecordT], fields: Sequence[str], kind: str) -> tuple[list[RecordT], list[str]]:
    common = common_spellings(getattr(record, name) for record in records for name in fields)
    others = respelled(common)
    if not others:
        return list(records), []
    counts = Counter(getattr(record, name) for record in records for name in fields)
    notes = [
        f"The {kind} {kept!r} ({counts[kept]:,}) is also written "
        + " and ".join(f"{name!r} ({counts[name]:,})" for name in written)
        + "; they count as one."
        for kept, written in sorted(others.items())
    ]
    return [_respelled(record, fields, common.__getitem__) for record in records], notes


def _respelled(record: RecordT, fields: Sequence[str], spelling: Callable[[str], str]) -> RecordT:
    now = {name: getattr(record, name) for name in fields}
    new = {name: spelling(value) for name, value in now.items() if value is not None}
    return record.model_copy(update=new) if any(now[name] != value for name, value in new.items()) else record
