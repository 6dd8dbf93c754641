"""Rows of JSON Lines, CSV, Parquet and Hugging Face `datasets`, each with its place in the file."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from unsinter.cache.location import expand_home
from unsinter.features.records.class_names import Classes
from unsinter.features.records.record import RecordError, abbreviate
from unsinter.features.records.typed_rows import (
    TypedMappings,
    dataset_mappings,
    folder_mappings,
    is_dataset,
    parquet_mappings,
)

LONGEST_LINE = 1_000_000
"""Bytes of one line; a longer one is almost always a file that is not what it says."""

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it stands in the file."""

    number: int
    """From 1: the line of a JSONL file, the row of a table; the header of a CSV file is row 1."""

    values: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All rows of one file."""

    name: str
    """What errors call the file."""

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    """Every column that some row has, in order of appearance."""

    is_text: bool
    """Whether every value came as text (CSV), so that "true" and "0" mean booleans."""

    classes: Mapping[str, Classes] = field(default_factory=dict)
    """Columns of numbers that were read as the names they stand for."""

    def is_text_in(self, column: str) -> bool:
        """Whether the file could not but write a boolean of this column as text."""
        return self.is_text or column in self.classes


Read = tuple[Iterator[Row], dict[str, Classes]]
"""Rows, and the columns in which numbers stand for names."""


def read_rows(source: object) -> Rows:
    """Return the rows of a file, a folder saved by `datasets`, a `datasets.Dataset` or mappings in memory.

    Raises
    ------
    FileNotFoundError : there is no such file.
    RecordError : the file is of an unknown kind, is damaged, or holds no row.
    """
    if isinstance(source, str | Path):
        path = expand_home(source)
        name, is_text = str(source), path.suffix.lower() == ".csv"
        rows, classes = _read_file(path)
    elif is_dataset(source):
        name, is_text = "datasets.Dataset", False
        rows, classes = _numbered(dataset_mappings(source), name)
    elif isinstance(source, Iterable):
        name, is_text = "records in memory", False
        rows, classes = _number(source), {}
    else:
        raise TypeError(f"Records are read from a path, a Dataset or mappings; got {type(source).__name__}.")
    held = tuple(_named(rows, classes, name))
    if not held:
        raise RecordError.at(name, "holds no record; give a file with at least one row")
    columns = tuple(dict.fromkeys(column for row in held for column in row.values))
    return Rows(name=name, rows=held, columns=columns, is_text=is_text, classes=classes)


def _named(rows: Iterable[Row], classes: Mapping[str, Classes], name: str) -> Iterator[Row]:
    """Yield rows in which numbers of classes are names."""
    for row in rows:
        for column in classes.keys() & row.values.keys():
            try:
                row.values[column] = classes[column].decode(row.values[column])
            except ValueError as error:
                raise RecordError.at(name, str(error), row=row.number, field=column) from error
        yield row


def _numbered(read: TypedMappings, name: str) -> Read:
    mappings, classes = read
    return _number(mappings, name), classes


def _number(mappings: Iterable[Mapping[str, Any]], name: str = "records in memory") -> Iterator[Row]:
    for number, values in enumerate(mappings, start=1):
        if not isinstance(values, Mapping):
            raise RecordError.at(name, f"is not a mapping; got {abbreviate(values)}", row=number)
        yield Row(number=number, values=dict(values))


def _read_file(path: Path) -> Read:
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; give the path of a {', '.join(SUFFIXES)} file.")
    if path.is_dir():
        return _numbered(folder_mappings(path), str(path))
    match path.suffix.lower():
        case ".jsonl" | ".ndjson" | ".json":
            return _read_jsonl(path), {}
        case ".csv":
            return _read_csv(path), {}
        case ".parquet":
            return _numbered(parquet_mappings(path), str(path))
    raise RecordError.at(
        path,
        f"ends in {path.suffix!r}, which is not read; give one of {', '.join(SUFFIXES)} or a saved dataset",
    )


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, text with its line end); the byte order mark some editors write is dropped."""
    number = 0
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise RecordError.at(
                    path,
                    f"is longer than {LONGEST_LINE:,} bytes (it begins {abbreviate(line[:24])}); "
                    "write one record per line and shorten its text",
                    row=number,
                )
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise RecordError.at(
                    path,
                    f"byte {error.start + 1} of the line (0x{error.object[error.start]:02x}) is not UTF-8; "
                    "save the file as UTF-8",
                    row=number,
                ) from error
            yield number, text


def _read_jsonl(path: Path) -> Iterator[Row]:
    for number, line in _read_lines(path):
        if not line.strip():
            continue
        try:
            values = json.loads(line, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            fault = f"is not JSON at column {error.colno} ({error.msg}); write one JSON object per line"
            raise RecordError.at(path, fault, row=number) from error
        except (ValueError, RecursionError) as error:
            fault = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise RecordError.at(path, f"{fault}; write one flat JSON object per line", row=number) from error
        if not isinstance(values, dict):
            kind = {list: "list", str: "text", bool: "boolean", type(None): "null"}.get(
                type(values), "number"
            )
            fault = f"is a JSON {kind}, not an object; write one JSON object per line"
            raise RecordError.at(path, fault, row=number)
        yield Row(number=number, values=values)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"gives the field {twice!r} twice")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is not JSON; use null for a missing value")


def _read_csv(path: Path) -> Iterator[Row]:
    reader = csv.reader((line for _, line in _read_lines(path)), strict=True)
    header: list[str] | None = None
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise RecordError.at(path, f"is not CSV ({error}); check its quotes", row=number) from error
        if cells is None:
            return
        if not cells:
            continue
        if header is None:
            header = _checked_header(path, cells, number)
            continue
        if len(cells) != len(header):
            fault = f"has {len(cells)} values and the header {len(header)}; quote values that hold commas"
            raise RecordError.at(path, fault, row=number)
        # An empty cell is the only way CSV can write "missing".
        yield Row(
            number=number, values={name: cell or None for name, cell in zip(header, cells, strict=True)}
        )


def _checked_header(path: Path, cells: list[str], number: int) -> list[str]:
    for index, name in enumerate(cells):
        if not name.strip():
            raise RecordError.at(path, f"column {index + 1} of the header has no name; name it", row=number)
        if name in cells[:index]:
            raise RecordError.at(path, f"the header names {name!r} twice; rename one", row=number)
    return cells
