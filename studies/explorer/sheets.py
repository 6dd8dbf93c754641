"""Sheets of cells, and as blocks of text the evidence that a cell opens: the script only selects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Site: TypeAlias = tuple[int, str]
"""Layer and position."""

Block: TypeAlias = list[Any]
"""A kind of block, then places of its texts: `["h4", 7]`, `["terms", [1, 2], [3, 4]]`, or `["table", name,
header, row, ...]`."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts in order of first use; ``place`` says where one is, as many cells share them."""

    _places: dict[str, int] = field(default_factory=dict)

    def place(self, text: str) -> int:
        """Return the place of a text, a new one at the end."""
        return self._places.setdefault(text, len(self._places))

    def listed(self) -> list[str]:
        """Return all texts, each at its place."""
        return list(self._places)

    def words(self, kind: str, text: str) -> Block:
        """Return a heading (h3, h4), a paragraph (p) or a caption."""
        return [kind, self.place(text)]

    def terms(self, pairs: Iterable[tuple[str, str]]) -> Block:
        """Return terms, each with what is said of it; those of which nothing is said are left out."""
        return ["terms", *([self.place(term), self.place(text)] for term, text in pairs if text)]

    def table(self, name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Block:
        """Return a table; ``name`` is what it is called to those who hear the page."""
        return ["table", self.place(name), *([self.place(text) for text in row] for row in (header, *rows))]


Beside: TypeAlias = Callable[[Sequence[str], Site], list[Block]]
"""Targets and a site in, blocks of their scores there with floor and control out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetCell:
    """A cell of a sheet and what it opens.

    Attributes
    ----------
    row, column : places in the names of the sheet.
    look : names of the cell's style, parted by spaces.
    sign, small : its two lines.
    name : what it is called in words.
    share : how long its bar is, 0 to 1; None without a bar.
    site : the site that it is about.
    """

    row: int
    column: int
    look: str = ""
    sign: str
    small: str
    name: str
    share: float | None = None
    site: Site
    blocks: Sequence[Block]

    def as_table(self) -> dict[str, Any]:
        """Return it as the script reads it."""
        share = {} if self.share is None else {"share": round(self.share, 4)}
        own = {name: getattr(self, name) for name in ("row", "column", "look", "sign", "small", "name")}
        return own | share | {"site": list(self.site), "blocks": list(self.blocks)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The cells of a sheet at one site, or all of them where ``site`` is None; ``note`` says which."""

    cells: Sequence[SheetCell]
    note: str = ""
    site: Site | None = None
    is_chosen: bool = False

    def as_table(self) -> dict[str, Any]:
        """Return it as the script reads it."""
        cells = [cell.as_table() for cell in self.cells]
        return {"site": self.site, "note": self.note, "chosen": self.is_chosen, "cells": cells}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Cells in rows and columns.

    Attributes
    ----------
    title : by which it is picked.
    corner : what its rows and columns are; empty where every cell says so itself.
    numbered : names that stand in a numbered list, so that a row or column needs their number alone.
    legend : style, sign and meaning of the looks that occur.
    layouts : of several the script shows that of the site that is looked at.
    """

    title: str
    corner: str = ""
    rows: Sequence[str]
    columns: Sequence[str]
    numbered: Sequence[str] = ()
    legend: Sequence[tuple[str, str, str]] = ()
    layouts: Sequence[Layout]

    def as_table(self) -> dict[str, Any]:
        """Return it as the script reads it."""
        own = {name: getattr(self, name) for name in ("title", "corner")}
        lists = {name: list(getattr(self, name)) for name in ("rows", "columns", "numbered", "legend")}
        return own | lists | {"layouts": [layout.as_table() for layout in self.layouts]}


def words_of(row: Mapping[Any, Any], column: str) -> str:
    """Return a text of a table's row; empty where it holds none."""
    value = row.get(column)
    return value if isinstance(value, str) else ""


def isolated(name: str) -> str:
    """Return a name of the user's for the midst of a sentence, whose signs turn nothing around it."""
    return f"\u2068{name}\u2069"


def site_text(site: Site) -> str:
    """Return a site in words."""
    return f"layer {site[0]}, {site[1]}"
