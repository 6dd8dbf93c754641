"""Labels of groups of records: what the user called them, as short as an array of labels needs them."""

import hashlib
from collections.abc import Sequence

from unsinter.features.records.record import PromptRecord

LONGEST_LABEL = 120
"""Characters of a group's label; a longer name is cut and ends in its digest."""


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
