"""Rows of JSON Lines, CSV, Parquet and Hugging Face `datasets`, each with its place in the file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unsinter.cache.json_text import MOST_NESTED
from unsinter.cache.location import expand_home
from unsinter.features.records.class_names import Classes
from unsinter.features.records.record import LONGEST_SHOWN, RecordError, abbreviate
from unsinter.features.records.text_rows import HALF_OF_A_PAIR, MOST_FIELDS, Row, read_csv, read_jsonl
from unsinter.features.records.typed_rows import (
    TypedMappings,
    dataset_mappings,
    folder_mappings,
    is_dataset,
    parquet_mappings,
)

JSON_LINES = (".jsonl", ".ndjson", ".json")
SUFFIXES = (*JSON_LINES, ".csv", ".parquet")


class Reread:
    """Rows that are read from their file each time they are gone through, so that none of them is kept."""

    def __init__(self, read: Callable[[], Iterator[Row]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Row]:
        return self._read()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """All rows of one file."""

    name: str
    """What errors call the file."""

    rows: Iterable[Row]
    """May be gone through more than once; rows of a file are new ones each time."""

    first: int
    """Number of the first row."""

    columns: tuple[str, ...]
    """Every column that some row has, in order of appearance."""

    is_text: bool
    """Whether every value came as text (CSV), so that "true" and "0" mean booleans."""

    classes: Mapping[str, Classes] = field(default_factory=dict)
    """Columns of numbers that were read as the names they stand for."""

    def is_text_in(self, column: str) -> bool:
        """Whether the file could not but write a boolean of this column as text."""
        return self.is_text or column in self.classes


Read = tuple[Iterable[Row], dict[str, Classes]]
"""Rows, and the columns in which numbers stand for names."""


def read_rows(source: object) -> FileRows:
    """Return the rows of a file, a folder saved by `datasets`, a `datasets.Dataset` or mappings in memory.

    Rows that were read already are returned as they are. All rows are read once before this returns, and
    their file again whenever they are gone through.

    Raises
    ------
    FileNotFoundError : there is no such file.
    RecordError : the file is of an unknown kind, is damaged, or holds no row.
    """
    if isinstance(source, FileRows):
        return source
    if isinstance(source, str | Path):
        path = expand_home(source)
        name, is_text = str(source), path.suffix.lower() == ".csv"
        read, classes = _read_file(path)
    elif is_dataset(source):
        name, is_text = "datasets.Dataset", False
        read, classes = _numbered(dataset_mappings(source), name)
    elif (way := _way_to_mappings(source)) is not None:
        raise TypeError(f"Records are read from a path, a Dataset or mappings; of a {way}.")
    elif isinstance(source, Iterable):
        name, is_text = "records in memory", False
        read, classes = _in_memory(source, name), {}
    else:
        raise TypeError(f"Records are read from a path, a Dataset or mappings; got {type(source).__name__}.")
    rows = Reread(lambda: _named(read, classes, name)) if classes else read
    first, columns = _first_and_columns(rows, name)
    return FileRows(name=name, rows=rows, first=first, columns=columns, is_text=is_text, classes=classes)


def _way_to_mappings(source: object) -> str | None:
    """Return how a table or several splits become what is read; None for any other source."""
    kind = type(source).__name__
    if hasattr(source, "to_dict") and hasattr(source, "iloc"):
        return f"{kind} of pandas give frame.to_dict('records')"
    if hasattr(source, "to_pylist"):
        return f"{kind} of Arrow give table.to_pylist()"
    if hasattr(source, "to_dicts"):
        return f"{kind} of Polars give frame.to_dicts()"
    if isinstance(source, Mapping):
        return f"{kind} give one of its values: {', '.join(map(str, list(source)[:5]))}"
    return None


def _in_memory(source: Iterable[Any], name: str) -> Iterable[Row]:
    # One that can be gone through only once is held; any other stays where it is.
    rows = tuple(source) if isinstance(source, Iterator) else source
    return Reread(lambda: _number(rows, name))


def _first_and_columns(rows: Iterable[Row], name: str) -> tuple[int, tuple[str, ...]]:
    """Go through all rows once; return the first one's number and every column, in order of appearance."""
    first = 0
    columns: dict[str, None] = {}
    for row in rows:
        first = first or row.number
        if len(row.values) > MOST_FIELDS:
            fault = f"has {len(row.values):,} fields, and at most {MOST_FIELDS:,} are read; turn the table"
            raise RecordError.at(name, fault, row=row.number)
        for column, value in row.values.items():
            if not (_is_text(column) and _is_text(value)):
                half = HALF_OF_A_PAIR.search(value) if isinstance(value, str) else None
                where = f" at character {half.start() + 1}" if half else ", or is nested too deeply"
                fault = f"holds half of a surrogate pair{where}, which is not text; remove it"
                shown = ascii(column)[1:-1][:LONGEST_SHOWN]
                raise RecordError.at(name, fault, row=row.number, field=shown)
        if not row.values.keys() <= columns.keys():
            columns.update(dict.fromkeys(row.values))
    if not first:
        raise RecordError.at(name, "holds no record; give a file with at least one row")
    return first, tuple(columns)


def _is_text(value: object, depth: int = 0) -> bool:
    """Tell whether every text in a value can be written; lists and mappings are gone through."""
    if isinstance(value, str):
        return value.isascii() or not HALF_OF_A_PAIR.search(value)
    if isinstance(value, dict):
        parts: Iterable[object] = (*value.keys(), *value.values())
    elif isinstance(value, list | tuple):
        parts = value
    else:
        return True
    return depth < MOST_NESTED and all(_is_text(part, depth + 1) for part in parts)


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
    return Reread(lambda: _number(mappings, name)), classes


def _number(mappings: Iterable[Mapping[str, Any]], name: str) -> Iterator[Row]:
    for number, values in enumerate(mappings, start=1):
        if not isinstance(values, Mapping):
            raise RecordError.at(name, f"is not a mapping; got {abbreviate(values)}", row=number)
        if not all(isinstance(field, str) for field in values):
            other = next(field for field in values if not isinstance(field, str))
            fault = f"has a field whose name is no text but {abbreviate(other)}; name it with a text"
            raise RecordError.at(name, fault, row=number)
        yield Row(number=number, values={field: _plain(value) for field, value in values.items()})


def _plain(value: Any) -> Any:
    """Return a single value of NumPy or Torch as Python's own."""
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    return value.item() if is_scalar else value


def _read_file(path: Path) -> Read:
    try:
        is_there = path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise RecordError.at(abbreviate(str(path)), f"cannot be read ({error.strerror})") from error
    if not is_there:
        raise FileNotFoundError(f"{path}: no such file; give the path of a {', '.join(SUFFIXES)} file.")
    if not path.is_file() and not path.is_dir():
        raise RecordError.at(path, "is a pipe or a device and no file; write the records into a file")
    if path.is_dir():
        return _numbered(folder_mappings(path), str(path))
    match path.suffix.lower():
        case ".jsonl" | ".ndjson" | ".json":
            return Reread(lambda: read_jsonl(path)), {}
        case ".csv":
            return Reread(lambda: read_csv(path)), {}
        case ".parquet":
            return _numbered(parquet_mappings(path), str(path))
    raise RecordError.at(
        path,
        f"ends in {path.suffix!r}, which is not read; give one of {', '.join(SUFFIXES)} or a saved dataset",
    )
