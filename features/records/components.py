"""Which records belong together: twins, pairs of places that are joined, and what a group is called."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from unsinter.features.records.names import clean_name
from unsinter.features.records.record import PromptRecord, RecordError, abbreviate

Places = npt.NDArray[np.int64]
Pair = tuple[int, int]

LONGEST_LABEL = 120
"""Characters of a group's label; a longer name is cut and ends in its digest."""


class Components:
    """Sets of places 0 to n - 1, at first one place each; a set is named by its smallest place."""

    def __init__(self, n: int) -> None:
        self._parents = np.arange(n, dtype=np.int32)
        self.n_sets = n

    def root(self, place: int) -> int:
        """Return the smallest place of the set that holds a place."""
        parents = self._parents
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return int(place)

    def merge(self, one: int, other: int) -> bool:
        """Make the sets of two places one; False where they were."""
        first, last = sorted((self.root(one), self.root(other)))
        if first == last:
            return False
        self._parents[last] = first
        self.n_sets -= 1
        return True

    def roots(self, places: Places) -> Places:
        """Return the name of the set of each place (n,)."""
        names = self._parents[places]
        while True:
            above = self._parents[names]
            if np.array_equal(above, names):
                return names.astype(np.int64)
            names = above


def group_labels(records: Sequence[PromptRecord], roots: Sequence[int]) -> tuple[str, ...]:
    """Return the label of each record (n_records,) from the component it is in.

    A component is named after its smallest given group, or its smallest id where it has none.
    """
    groups: dict[int, str] = {}
    ids: dict[int, str] = {}
    for record, component in zip(records, roots, strict=True):
        ids[component] = min(ids.get(component, record.id), record.id)
        if record.group is not None:
            groups[component] = min(groups.get(component, record.group), record.group)
    taken = set(groups.values())
    for component in sorted(ids.keys() - groups.keys(), key=lambda number: ids[number]):
        name = ids[component]
        # An id may equal another record's group by chance; two components must not get one name.
        while name in taken:
            name += "'"
        taken.add(name)
        groups[component] = name
    labels = {component: _label(name) for component, name in groups.items()}
    return tuple(labels[component] for component in roots)


def _label(name: str) -> str:
    """Return a name that arrays of labels can hold: where ids are whole texts, names are too."""
    if len(name) <= LONGEST_LABEL:
        return name
    return f"{name[:LONGEST_LABEL]}... {hashlib.sha256(name.encode()).hexdigest()[:16]}"


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
