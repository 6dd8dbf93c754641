"""Names that are known, listed where another was written."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

from pydantic.fields import FieldInfo

from unsinter.features.records.columns import Column
from unsinter.features.records.names import name_key
from unsinter.features.records.record import LONGEST_SHOWN, RecordError, abbreviate
from unsinter.features.records.rows import FileRows

_COMPARED = 1_000
"""Columns among which a misspelt one is looked for."""


def near_name(name: str, known: Iterable[str]) -> str:
    """Return which of the known names may have been meant, or what they are."""
    # A name as long as a text is no misspelling, and comparing such names takes time that grows with both.
    short = [other for other in known if len(other) <= LONGEST_SHOWN][:_COMPARED]
    matches = get_close_matches(name, short, n=3, cutoff=0.5) if len(name) <= LONGEST_SHOWN else []
    return f"did you mean {' or '.join(map(repr, matches))}?" if matches else f"known: {listing(known)}"


def listing(names: Iterable[str]) -> str:
    """Return the first names, each as long as an error shows it, and how many more there are."""
    names = list(names)
    shown = (name if len(name) <= LONGEST_SHOWN else abbreviate(name) for name in names[:15])
    return ", ".join(shown) + (f" and {len(names) - 15} more" if len(names) > 15 else "")


def check_columns(table: FileRows, columns: Mapping[str, Column], fields: Mapping[str, FieldInfo]) -> None:
    """Refuse a map of an unknown field or to an unknown column, and a file without a required column."""
    for name, column in columns.items():
        if name not in fields:
            fault = f"columns maps {name!r}, which is no field of ours; {near_name(name, fields)}"
            raise RecordError.at(table.name, fault)
        if column.field not in table.columns:
            fault = f"has no column {column.field!r} (asked for by columns {name}={column.field}); "
            raise RecordError.at(table.name, fault + near_name(column.field, table.columns), field=name)
    _refuse_look_alikes(table, columns, fields)
    for name, info in fields.items():
        has_messages = name == "prompt" and "messages" in (*table.columns, *columns)
        if info.is_required() and name not in (*table.columns, *columns) and not has_messages:
            fault = f"no row has this field; map one of {listing(table.columns)} with columns {name}=COLUMN"
            raise RecordError.at(table.name, fault, field=name)


def _refuse_look_alikes(table: FileRows, columns: Mapping[str, Column], fields: Collection[str]) -> None:
    """Refuse a column that is named as a field of ours but for case or blanks, and that nothing maps.

    Left as it is, ``Harmful`` would be a column like any other, and no prompt harmful or harmless.
    """
    used = {column.field for column in columns.values()}
    for other in table.columns:
        name = name_key(other) if len(other) <= LONGEST_SHOWN else other
        if name in fields and name not in (*table.columns, *columns) and other not in used:
            fault = f"the column {other!r} differs from it by case or blanks alone; rename it, or map it with"
            raise RecordError.at(table.name, f"{fault} columns {name}={other}", field=name)
