"""The fields of a prompt record, those that only its file knows included, and which records a study keeps."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from unsinter.features.records.columns import value_key
from unsinter.features.records.record import MISSING_WORD, PromptRecord
from unsinter.studies.data.spellings import WRITTEN

Fields = Mapping[str, Any]
"""Field -> value."""


def record_fields(record: PromptRecord) -> dict[str, Any]:
    """Return every field of a record with its value."""
    return {name: getattr(record, name) for name in type(record).model_fields} | (record.model_extra or {})


def named_fields(records: Sequence[Fields]) -> list[str]:
    """Return the fields that some record has a value for, sorted, without those that keep what was read
    otherwise."""
    named = {name for fields in records for name, value in fields.items() if value is not None}
    return sorted(name for name in named if not name.endswith((MISSING_WORD, WRITTEN)))


class Where:
    """The records whose fields hold one of some values, or one that reads alike.

    Parameters
    ----------
    accepted : field -> values.
    """

    def __init__(self, accepted: Mapping[str, Sequence[Any]]) -> None:
        self._accepted = accepted
        self._keys: dict[str, Set[object]] = {
            name: set(map(value_key, values)) for name, values in accepted.items()
        }

    def holds(self, fields: Fields) -> bool:
        """Tell whether each field that is named holds one of its values."""
        return all(
            value_key(fields.get(name)) in self._keys[name]
            or (not isinstance(fields.get(name), str) and fields.get(name) in values)
            for name, values in self._accepted.items()
        )
