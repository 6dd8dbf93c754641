"""Readers: files of any supported kind, through a column map, into lists of validated records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from unsinter.features.records.columns import (
    TRUTHS,
    Column,
    ColumnMap,
    TruthReader,
    read_columns,
)
from unsinter.features.records.known_names import check_columns, listing
from unsinter.features.records.names import says_missing
from unsinter.features.records.record import (
    OpeningRecord,
    PromptRecord,
    RecordError,
    ResponseRecord,
    abbreviate,
)
from unsinter.features.records.rows import FileRows, read_rows
from unsinter.features.records.several_names import NamesReader
from unsinter.features.records.text_rows import Row

RecordT = TypeVar("RecordT", PromptRecord, ResponseRecord, OpeningRecord)
Kind = Literal["prompts", "responses", "openings"]
Source = str | Path | FileRows | Iterable[Mapping[str, Any]]
"""A path, a `datasets.Dataset`, mappings in memory, or what `read_rows` made of one of them."""

NO_COLUMNS: ColumnMap = {}
_SHARED, _SHARED_LENGTH = 10_000, 64
BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
HARM_WORDS = {"harmful": True, "harmless": False, "unharmful": False}
_ANSWERS = ("response", "answer", "output", "completion", "generation", "response_text", "text")
"""Columns in which files of others have the text of an answer."""

_NAMED = ("category", "subcategory", "topic")
"""Fields of one name in which some files hold several."""


def read_prompts(
    source: Source | Sequence[str | Path],
    *,
    columns: ColumnMap = NO_COLUMNS,
    declared: Mapping[str, Any] | None = None,
) -> list[PromptRecord]:
    """Return the prompt records of a file, or of several whose ids are unique together.

    ``columns`` maps our field to their column, e.g. ``{"category": "category_unified"}``, or to a `Column`
    that says what its values mean, e.g. ``{"harmful": {"field": "label", "true": ["unsafe"], "false":
    ["safe"]}}``. A field of the file that the map displaces is kept as ``<field>_in_file``. ``declared``
    holds for every record, e.g. ``{"harmful": True}`` where a file of harmful prompts has no such column.

    Raises
    ------
    FileNotFoundError : there is no such file.
    RecordError : names file, row and field of the first record that cannot be used.
    """
    return _read(source, columns, PromptRecord, declared or {})


def read_responses(
    source: Source | Sequence[str | Path], *, columns: ColumnMap = NO_COLUMNS
) -> list[ResponseRecord]:
    """Return the response records of a file or of several; columns and errors as in `read_prompts`.

    Where no row has a text or a label of ours, a column that is called as texts of answers often are is an
    error too: it would be left out, and nothing could be said of any answer.
    """
    records = _read(source, columns, ResponseRecord)
    if records and all(record.response_opening is None and record.label is None for record in records):
        own = records[0].model_extra or {}
        if (name := next((name for name in _ANSWERS if isinstance(own.get(name), str)), None)) is not None:
            file = next((str(part) for part in _parts(source) if isinstance(part, str | Path)), "responses")
            raise RecordError(
                f"{file}: no row has response_opening or label, and column {name!r} is not read; call "
                "it response_opening if it holds the answers, or label if it says what they are."
            )
    return records


def read_openings(
    source: Source | Sequence[str | Path], *, columns: ColumnMap = NO_COLUMNS
) -> list[OpeningRecord]:
    """Return openings with gold wording moves; columns and errors as in `read_prompts`."""
    return _read(source, columns, OpeningRecord)


def detect_kind(source: Source, *, columns: ColumnMap = NO_COLUMNS) -> Kind:
    """Say what a file holds, from the columns of its first rows.

    Raises
    ------
    RecordError : it is none of the kinds.
    """
    rows = read_rows(source)
    mapped = read_columns(columns).items()
    names = set(rows.columns) | {name for name, column in mapped if column.field in rows.columns}
    if "prompt_id" in names or {"response_opening", "model"} <= names:
        return "responses"
    if names & {"prompt", "messages"}:
        return "prompts"
    if "response_opening" in names:
        return "openings"
    fault = (
        "is missing in every row, as are 'prompt_id' (responses) and 'response_opening' (openings); "
        f"the columns are {listing(rows.columns)}; add the field or map a column to it"
    )
    raise RecordError.at(rows.name, fault, row=rows.first, field="prompt")


def _read(
    source: Source | Sequence[str | Path],
    columns: ColumnMap,
    model: type[RecordT],
    declared: Mapping[str, Any] | None = None,
) -> list[RecordT]:
    records: list[RecordT] = []
    seen: dict[str, tuple[str, int]] = {}
    mapped = read_columns(columns)
    for part in _parts(source):
        table = read_rows(part)
        check_columns(table, mapped, model.model_fields)
        reading = _Reading(
            table=table, columns=mapped, known=tuple(model.model_fields), declared=declared or {}
        )
        shared: dict[str, str] = {}
        fields: dict[frozenset[str], set[str]] = {}
        for row in table.rows:
            record = model.parse(_sharing(reading.values_of(row), shared), file=table.name, row=row.number)
            if record.id in seen:
                file, number = seen[record.id]
                first = f"row {number}" if file == table.name else f"row {number} of {file}"
                fault = f"{abbreviate(record.id)} was already given in {first}; make the ids unique"
                raise RecordError.at(table.name, fault, row=row.number, field="id")
            seen[record.id] = (table.name, row.number)
            # Pydantic notes in each record which fields were given; that takes more than most texts.
            names = record.model_fields_set
            object.__setattr__(record, "__pydantic_fields_set__", fields.setdefault(frozenset(names), names))
            records.append(record)
        reading.refuse()
    return records


def _sharing(values: dict[str, Any], shared: dict[str, str]) -> dict[str, Any]:
    """Return values in which short texts that came before are the same object: a category is held once."""
    for name, value in values.items():
        if isinstance(value, str) and len(value) <= _SHARED_LENGTH:
            if len(shared) < _SHARED:
                values[name] = shared.setdefault(value, value)
            else:
                values[name] = shared.get(value, value)
    return values


def _parts(source: Source | Sequence[str | Path]) -> Iterable[Source]:
    """Return the files of a list of paths, or the one source itself."""
    if isinstance(source, str | Path):
        return [source]
    if isinstance(source, Sequence) and source and all(isinstance(part, str | Path) for part in source):
        return source
    return [source]  # type: ignore[list-item]


@dataclass(slots=True, kw_only=True)
class _Reading:
    """How the rows of one file become values of our fields, and what could not be read."""

    table: FileRows
    columns: Mapping[str, Column]
    known: tuple[str, ...]
    declared: Mapping[str, Any]
    truths: dict[str, TruthReader] = field(init=False)
    several: dict[str, NamesReader] = field(init=False)

    def __post_init__(self) -> None:
        self.truths = {name: TruthReader(column=c) for name, c in self.columns.items() if c.is_true}
        named = {name: self.columns.get(name, Column(field=name)) for name in _NAMED if name in self.known}
        self.several = {name: NamesReader(column=column) for name, column in named.items()}

    def values_of(self, row: Row) -> dict[str, Any]:
        """Return the row under our names, each value as its column says."""
        values = self._mapped(row)
        for name in TRUTHS:
            if name in self.truths:
                values[name] = self.truths[name].read(values.get(name))
            elif self.table.is_text_in(self._column_of(name)):
                values = self._with_boolean(values, name, row)
        for name, reader in self.several.items():
            if name in values:
                values[name] = reader.read(values[name], row.number)
        return self._with_declared(values, row)

    def refuse(self) -> None:
        """Raise RecordError for values that a map leaves without a meaning, over all rows."""
        for name, truth in self.truths.items():
            truth.refuse_unknown(self.table.name, name)
        for name, names in self.several.items():
            names.refuse_several(self.table.name, name)

    def _column_of(self, name: str) -> str:
        return self.columns[name].field if name in self.columns else name

    def _mapped(self, row: Row) -> dict[str, Any]:
        """Return the row under our names; a renamed column leaves its old name unless that is ours."""
        used = {column.field for column in self.columns.values() if column.field not in self.known}
        values = {name: value for name, value in row.values.items() if name not in used}
        for name, column in self.columns.items():
            if name == column.field:
                continue
            if name in row.values:
                kept = f"{name}_in_file"
                if kept in row.values:
                    fault = f"cannot be kept as {kept!r}, which the row has already; rename that column"
                    raise RecordError.at(self.table.name, fault, row=row.number, field=name)
                values[kept] = row.values[name]
            values[name] = row.values.get(column.field)
        return values

    def _with_boolean(self, values: dict[str, Any], name: str, row: Row) -> dict[str, Any]:
        """Read a boolean that the file could only write as text."""
        text = values.get(name)
        if not isinstance(text, str):
            return values
        known = BOOLEANS | (HARM_WORDS if name == "harmful" else {})
        spelling = None if says_missing(text) else text.strip().lower()
        if spelling is not None and spelling not in known:
            classes = self.table.classes.get(self._column_of(name))
            of = f" (a class of {classes.listed})" if classes else ""
            way = f"columns: {{{name}: {{field: {self._column_of(name)}, true: [...], false: [...]}}}}"
            fault = (
                f"must be true, false, 1, 0 or empty; got {text[:60]!r}{of}; say what words mean with {way}"
            )
            raise RecordError.at(self.table.name, fault, row=row.number, field=name)
        return values | {name: None if spelling is None else known[spelling]}

    def _with_declared(self, values: dict[str, Any], row: Row) -> dict[str, Any]:
        """Fill in what is declared of the whole file; RecordError where the row says otherwise."""
        for name, value in self.declared.items():
            if not says_missing(values.get(name)) and values[name] != value:
                fault = (
                    f"is {abbreviate(values[name])}, and the file was declared {value!r}; drop one of the two"
                )
                raise RecordError.at(self.table.name, fault, row=row.number, field=name)
        return values | dict(self.declared)
