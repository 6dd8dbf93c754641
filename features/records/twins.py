"""Twins: prompts that `pair_id` says belong together."""

from collections import Counter
from collections.abc import Iterable, Sequence

from unsinter.features.records.names import clean_name
from unsinter.features.records.record import PromptRecord, RecordError, abbreviate

Pair = tuple[int, int]


def same_values(values: Iterable[str | None]) -> list[Pair]:
    """Return an edge from each value to its first occurrence; None equals nothing."""
    first: dict[str, int] = {}
    pairs = []
    for index, value in enumerate(values):
        if value is not None and first.setdefault(value, index) != index:
            pairs.append((first[value], index))
    return pairs


def twin_pairs(records: Sequence[PromptRecord]) -> list[Pair]:
    """Return edges between twins.

    A value that several records have is the name of their pair, and one that a single record has is the id of
    its twin. Files number records and pairs alike, so that pair 1 is seldom about record 1.

    Raises
    ------
    RecordError : a value can be read both ways, and the two readings put prompts into different groups.
    """
    place = {clean_name(record.id): index for index, record in enumerate(records)}
    uses = Counter(record.pair_id for record in records if record.pair_id is not None)
    named = []
    for index, record in enumerate(records):
        value = record.pair_id
        other = None if value is None else place.get(value)
        if value is None or other is None or other == index or records[other].pair_id == value:
            continue
        _refuse_if_unclear(record, records[other], uses)
        if uses[value] == 1:
            named.append((index, other))
    return [*named, *same_values(record.pair_id for record in records)]


def _refuse_if_unclear(record: PromptRecord, other: PromptRecord, uses: Counter[str]) -> None:
    """Raise RecordError unless ``record.pair_id``, which is the id of ``other``, has one reading."""
    value = str(record.pair_id)
    is_shared = uses[value] > 1
    # One that is in no other pair may be the prompt that several rewrites were made from; one that shares its
    # pair with others may be no twin of a record that is the only one left of its own pair.
    if is_shared and other.pair_id is not None:
        return
    if not is_shared and (other.pair_id is None or uses[other.pair_id] == 1):
        return
    if not is_shared and other.pair_id == clean_name(record.id):
        return
    who = f"{uses[value]} records have" if is_shared else f"only the record {abbreviate(record.id)} has"
    own = "no pair_id" if other.pair_id is None else f"pair_id {abbreviate(other.pair_id)}"
    raise RecordError(
        f"pair_id {abbreviate(value)}, which {who}, is also the id of a record with {own}: it cannot be told "
        "whether it names that record or a pair. Name pairs as no record is named (pair-7 in place of 7), or "
        "give that record the same pair_id where it belongs to the pair."
    )
