"""Readers: files of any supported kind, through a column map, into lists of validated records."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

from unsinter.features.records import OpeningRecord, PromptRecord, RecordError, ResponseRecord
from unsinter.features.rows import Row, Rows, read_rows

RecordT = TypeVar("RecordT", PromptRecord, ResponseRecord, OpeningRecord)
Kind = Literal["prompts", "responses", "openings"]
Source = str | Path | Iterable[Mapping[str, Any]]
"""A path, a `datasets.Dataset`, or mappings in memory."""

NO_COLUMNS: Mapping[str, str] = {}
BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def read_prompts(
    source: Source | Sequence[str | Path], *, columns: Mapping[str, str] = NO_COLUMNS
) -> list[PromptRecord]:
    """Return the prompt records of a file, or of several whose ids are unique together.

    ``columns`` maps our field to their column, e.g. ``{"category": "category_unified"}``.
    A field of the file that the map displaces is kept as ``<field>_in_file``.

    Raises
    ------
    FileNotFoundError : there is no such file.
    RecordError : names file, row and field of the first record that cannot be used.
    """
    return _read(source, columns, PromptRecord)


def read_responses(
    source: Source | Sequence[str | Path], *, columns: Mapping[str, str] = NO_COLUMNS
) -> list[ResponseRecord]:
    """Return the response records of a file or of several; columns and errors as in `read_prompts`."""
    return _read(source, columns, ResponseRecord)


def read_openings(
    source: Source | Sequence[str | Path], *, columns: Mapping[str, str] = NO_COLUMNS
) -> list[OpeningRecord]:
    """Return openings with gold wording moves; columns and errors as in `read_prompts`."""
    return _read(source, columns, OpeningRecord)


def detect_kind(source: Source, *, columns: Mapping[str, str] = NO_COLUMNS) -> Kind:
    """Say what a file holds, from the columns of its first rows; RecordError if it is none of the kinds."""
    rows = read_rows(source)
    names = set(rows.columns) | {field for field, column in columns.items() if column in rows.columns}
    if "prompt_id" in names or {"response_opening", "model"} <= names:
        return "responses"
    if "prompt" in names:
        return "prompts"
    if "response_opening" in names:
        return "openings"
    fault = (
        "is missing in every row, as are 'prompt_id' (responses) and 'response_opening' (openings); "
        f"the columns are {_listing(rows.columns)}; add the field or map a column to it"
    )
    raise RecordError.at(rows.name, fault, row=rows.rows[0].number, field="prompt")


def _read(
    source: Source | Sequence[str | Path], columns: Mapping[str, str], model: type[RecordT]
) -> list[RecordT]:
    records: list[RecordT] = []
    seen: dict[str, tuple[str, int]] = {}
    for part in _parts(source):
        table = read_rows(part)
        _check_columns(table, columns, model)
        for row in table.rows:
            record = model.parse(_mapped(row, table, columns, model), file=table.name, row=row.number)
            if record.id in seen:
                file, number = seen[record.id]
                first = f"row {number}" if file == table.name else f"row {number} of {file}"
                fault = f"{record.id!r} was already given in {first}; make the ids unique"
                raise RecordError.at(table.name, fault, row=row.number, field="id")
            seen[record.id] = (table.name, row.number)
            records.append(record)
    return records


def _parts(source: Source | Sequence[str | Path]) -> Iterable[Source]:
    """Return the files of a list of paths, or the one source itself."""
    if isinstance(source, str | Path):
        return [source]
    if isinstance(source, Sequence) and source and all(isinstance(part, str | Path) for part in source):
        return source
    return [source]  # type: ignore[list-item]


def _check_columns(table: Rows, columns: Mapping[str, str], model: type[RecordT]) -> None:
    """Refuse a map of an unknown field or to an unknown column, and a file without a required column."""
    for field, column in columns.items():
        if field not in model.model_fields:
            fault = f"columns maps {field!r}, which is no field of ours; {_near(field, model.model_fields)}"
            raise RecordError.at(table.name, fault)
        if column not in table.columns:
            fault = f"has no column {column!r} (asked for by columns {field}={column}); "
            raise RecordError.at(table.name, fault + _near(column, table.columns), field=field)
    for field, info in model.model_fields.items():
        if info.is_required() and field not in table.columns and field not in columns:
            fault = f"no row has this field; map one of {_listing(table.columns)} with columns {field}=COLUMN"
            raise RecordError.at(table.name, fault, field=field)


def _near(name: str, known: Iterable[str]) -> str:
    matches = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, matches))}?" if matches else f"known: {_listing(known)}"


def _listing(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:15]) + (f" and {len(names) - 15} more" if len(names) > 15 else "")


def _mapped(row: Row, table: Rows, columns: Mapping[str, str], model: type[RecordT]) -> dict[str, Any]:
    """Return the row under our names; a renamed column leaves its old name unless that is a field of ours."""
    used = {column for column in columns.values() if column not in model.model_fields}
    values = {name: value for name, value in row.values.items() if name not in used}
    for field, column in columns.items():
        if field == column:
            continue
        if field in row.values:
            kept = f"{field}_in_file"
            if kept in row.values:
                fault = f"cannot be kept as {kept!r}, which the row has already; rename that column"
                raise RecordError.at(table.name, fault, row=row.number, field=field)
            values[kept] = row.values[field]
        values[field] = row.values.get(column)
    return _with_booleans(values, table, row) if table.is_text else values


def _with_booleans(values: dict[str, Any], table: Rows, row: Row) -> dict[str, Any]:
    """Read the booleans of a CSV row, where every value came as text."""
    for field in ("harmful", "truncated"):
        text = values.get(field)
        if isinstance(text, str):
            if text.strip().lower() not in BOOLEANS:
                fault = f"must be true, false, 1, 0 or empty; got {text[:60]!r}"
                raise RecordError.at(table.name, fault, row=row.number, field=field)
            values[field] = BOOLEANS[text.strip().lower()]
    return values
