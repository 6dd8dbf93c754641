"""Column maps: which column of a file holds a field of ours, and how its values are read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)

from unsinter.features.records.names import clean_name, name_key, says_missing
from unsinter.features.records.record import RecordError, abbreviate

TRUTHS = ("harmful", "truncated")
"""Fields that are true or false."""

_SPELLINGS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}
_SHOWN = 5


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple | set) else (value,)


def _text_keys(table: object) -> object:
    """Give back the names that YAML reads as booleans: ``true:`` and ``false:`` are keys here."""
    if isinstance(table, str):
        return {"field": table}
    if not isinstance(table, Mapping):
        return table
    return {str(key).lower() if isinstance(key, bool) else key: value for key, value in table.items()}


Values = Annotated[tuple[Any, ...], BeforeValidator(_listed)]


class Column(BaseModel):
    """One column of a file and the meaning of its values."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    field: str
    """Their name of the column."""

    is_true: Values = Field(default=(), alias="true")
    """Values that mean true; of a field that is true or false only."""

    is_false: Values = Field(default=(), alias="false")

    several: Literal["refuse", "missing"] | Annotated[tuple[str, ...], Field(min_length=1)] = "refuse"
    """What becomes of a record with several names in one field, as categories {theft: true, fraud: true}:
    an error, no name, or the first of these names that the record has."""

    separator: str = Field(default="", max_length=8)
    """What stands between the names of one field that is text, as ``;`` in ``theft;fraud``; none by default,
    so that a sign in a name stays part of it."""

    @model_serializer
    def _as_written(self) -> Any:
        """Return the name alone where that is all, so that a resolved study reads as it was written."""
        lists = {"true": list(self.is_true), "false": list(self.is_false)} if self.is_true else {}
        several = {} if self.several == "refuse" else {"several": self.several}
        separator = {"separator": self.separator} if self.separator else {}
        more = lists | several | separator
        return {"field": self.field, **more} if more else self.field

    @model_validator(mode="after")
    def _sides_differ(self) -> Self:
        both = {value_key(v) for v in self.is_true} & {value_key(v) for v in self.is_false}
        if both:
            raise ValueError(f"{sorted(map(str, both))[0]!r} stands among true and false; keep it in one")
        if bool(self.is_true) != bool(self.is_false):
            raise ValueError("give both lists, true and false: a value in neither must be an error")
        if self.separator and not self.separator.strip():
            raise ValueError("a separator of blanks would cut names of several words; name another sign")
        return self


ColumnMap: TypeAlias = Mapping[str, "str | Column | Mapping[Any, Any]"]
"""Our field to their column, or to a `Column` (or a table of its fields)."""

ReadColumn = Annotated[Column, BeforeValidator(_text_keys)]


def read_columns(columns: ColumnMap) -> dict[str, Column]:
    """Return a checked column per field.

    Raises
    ------
    RecordError : names the field of a map that cannot be used.
    """
    return {name: _read_column(name, column) for name, column in columns.items()}


def _read_column(name: str, column: object) -> Column:
    if isinstance(column, Column):
        made = column
    else:
        try:
            made = Column.model_validate(_text_keys(column))
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(["columns", name, *map(str, fault["loc"])])
            raise RecordError(f"{where}: {fault['msg']}; got {abbreviate(fault['input'])}.") from error
    if made.is_true and name not in TRUTHS:
        raise RecordError(
            f"columns.{name}: only {' and '.join(TRUTHS)} are true or false; drop the two lists."
        )
    return made


def value_key(value: object) -> object:
    """Return what equal values of a file have in common, whether they came as text or not."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return name_key(value) if isinstance(value, str) else repr(value)


@dataclass(slots=True, kw_only=True)
class TruthReader:
    """Reads a field by its lists of true and false values, and counts the values in neither."""

    column: Column
    unknown: Counter[str] = field(default_factory=Counter)

    def read(self, value: object) -> object:
        """Return True, False, or None for a missing value and one that is in neither list."""
        for meaning, values in ((True, self.column.is_true), (False, self.column.is_false)):
            if any(_same(value, listed) for listed in values):
                return meaning
        if not says_missing(value):
            self.unknown[abbreviate(value)] += 1
        return None

    def refuse_unknown(self, file: object, name: str) -> None:
        """Raise RecordError naming and counting the values that are in neither list."""
        if not self.unknown:
            return
        shown = ", ".join(f"{value} ({n:,})" for value, n in self.unknown.most_common(_SHOWN))
        more = f" and {len(self.unknown) - _SHOWN} more values" if len(self.unknown) > _SHOWN else ""
        fault = (
            f"column {self.column.field!r} holds values that are listed neither as true nor as false: "
            f"{shown}{more}; list them in columns.{name}.true or .false"
        )
        raise RecordError.at(file, fault, field=name)


def _same(value: object, listed: object) -> bool:
    """Compare as values and, as YAML reads a bare yes as true, by what a text says."""
    if isinstance(listed, bool) and isinstance(value, str):
        spelling = clean_name(value).casefold()
        return _SPELLINGS.get(spelling, {"1": True, "0": False}.get(spelling)) is listed
    if isinstance(listed, bool) and isinstance(value, int | float):
        return value == listed
    if isinstance(value, bool) and isinstance(listed, str):
        return _SPELLINGS.get(clean_name(listed).casefold()) is value
    return value_key(value) == value_key(listed)
