"""A column of a table, declared once: its type and meaning, and how the report shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Dtype: TypeAlias = Literal["text", "whole", "number", "flag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """What a column holds; its name is the key under which it is declared.

    Attributes
    ----------
    dtype : text, whole (numbers without a fraction), number, or flag (true or false); each may be missing.
    meaning : in words; empty where it is that of the column above.
    needed : the report would be silent about something without it, so it reads no table that lacks it.
    title : header of the table of the report that further measures stand in; empty where it is none.
    like : of a column of the second factor the one of the first that measures the same; empty of all others.
    """

    dtype: Dtype
    meaning: str
    needed: bool = False
    title: str = ""
    like: str = ""


Columns: TypeAlias = Mapping[str, TableColumn]
"""Name -> column, in the order of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTable:
    """A table of a run, ``<name>.parquet``.

    Attributes
    ----------
    row : what one row of it is.
    in_report : the report reads it.
    """

    name: str
    row: str
    columns: Columns
    in_report: bool = True

    @property
    def needed(self) -> list[str]:
        """Columns without which the report reads no such table."""
        return [name for name, column in self.columns.items() if column.needed]


def text(meaning: str, *, needed: bool = False) -> TableColumn:
    """Declare a column of text."""
    return TableColumn(dtype="text", meaning=meaning, needed=needed)


def whole(meaning: str, *, needed: bool = False) -> TableColumn:
    """Declare a column of whole numbers."""
    return TableColumn(dtype="whole", meaning=meaning, needed=needed)


def number(meaning: str, *, needed: bool = False, title: str = "") -> TableColumn:
    """Declare a column of numbers."""
    return TableColumn(dtype="number", meaning=meaning, needed=needed, title=title)


def of_second(first: str) -> TableColumn:
    """Declare the numbers of the second factor that stand beside those of the first in column ``first``."""
    return TableColumn(dtype="number", meaning="the same of the second factor", like=first)


def flag(meaning: str, *, needed: bool = False) -> TableColumn:
    """Declare a column of true and false."""
    return TableColumn(dtype="flag", meaning=meaning, needed=needed)
