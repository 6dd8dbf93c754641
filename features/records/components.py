"""Which records belong together, as pairs of them are joined, and what a group is called."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from unsinter.features.records.record import PromptRecord

Places = npt.NDArray[np.int64]

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
