"""Fields that may hold several names, as a record with more than one category: which of them counts."""

import ast
import json
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from unsinter.features.records.columns import Column
from unsinter.features.records.names import is_nan, name_key, says_missing
from unsinter.features.records.record import RecordError

_SHOWN = 5
_LONGEST = 2_000
"""Characters of a list of names that is written as text; a longer one is a text."""


def names_held(value: object) -> list[str] | None:
    """Return the names in a field of several: those of {name: true or false}, or of a list.

    They may be written as text, as a CSV file must: ``["fraud"]`` or ``{'fraud': True}``. None where the
    field is neither; an empty list where it names nothing.
    """
    value = _collection(value)
    if isinstance(value, Mapping) and all(isinstance(key, str) and _is_truth(v) for key, v in value.items()):
        return [key for key, flag in value.items() if not is_nan(flag) and flag]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        named = [item for item in value if not says_missing(item)]
        return [item for item in named if isinstance(item, str)] if all(map(_is_name, named)) else None
    return None


def _collection(value: object) -> object:
    """Return a set, the pairs of an Arrow map, or what is written as text, as a list or a mapping."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST or text[:1] + text[-1:] not in ("[]", "{}", "()"):
            return value
        made = _read_collection(text)
        return value if made is None else _collection(made)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1:
        return value.tolist()
    if isinstance(value, list | tuple) and value and all(map(_is_pair, value)):
        return dict(value)
    return value


def _read_collection(text: str) -> object:
    """Return what a text says as JSON or as Python writes it; None where it is neither."""
    for read in (json.loads, ast.literal_eval):
        with (
            suppress(ValueError, SyntaxError, MemoryError, RecursionError, TypeError),
            warnings.catch_warnings(action="ignore"),  # of escapes that Python does not know
        ):
            made = read(text)
            return made if isinstance(made, list | tuple | set | dict) else None
    return None


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and _is_truth(value[1])


def _is_name(value: object) -> bool:
    return isinstance(value, str)


def _is_truth(value: object) -> bool:
    return value is None or is_nan(value) or (isinstance(value, int | float) and value in (0, 1))


@dataclass(slots=True, kw_only=True)
class NamesReader:
    """Reads the one name of a field that may hold several, and counts the rows that hold several.

    A field may be a collection, or a text in which the column's separator stands between names.
    """

    column: Column
    first_row: int | None = None
    example: str = ""
    n_several: int = 0

    def read(self, value: object, row: int) -> object:
        """Return the one name, None where there is none; a field that is no collection stays as it is."""
        names = names_held(value)
        if names is None and self.column.separator and isinstance(value, str):
            parts = map(str.strip, value.split(self.column.separator))
            names = [part for part in parts if not says_missing(part)]
        if names is None:
            return value
        distinct = list({name_key(name): name for name in reversed(names)}.values())[::-1]
        if len(distinct) < 2:
            return distinct[0] if distinct else None
        if self.column.several == "missing":
            return None
        if self.column.several != "refuse":
            for wanted in self.column.several:
                if any(name_key(wanted) == name_key(name) for name in distinct):
                    return wanted
        if self.first_row is None:
            self.first_row, self.example = row, ", ".join(distinct[:_SHOWN])
        self.n_several += 1
        return None

    def refuse_several(self, file: object, name: str) -> None:
        """Raise RecordError where rows held several names and the map does not say which one counts."""
        if self.first_row is None:
            return
        none_of = " and none that the map lists" if self.column.several != "refuse" else ""
        separator = f", separator: {self.column.separator!r}" if self.column.separator else ""
        field = f"field: {self.column.field}{separator}"
        way = f"columns: {{{name}: {{{field}, several: [first choice, second choice]}}}}"
        fault = (
            f"{self.n_several:,} rows hold several names{none_of} (here {self.example}) and a record has "
            f"one; say which with {way}, or with several: missing leave such rows without one"
        )
        raise RecordError.at(file, fault, row=self.first_row, field=name)
