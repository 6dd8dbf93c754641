"""Rows of files of text: JSON Lines and CSV."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsinter.cache.json_text import JsonTextError, parse_json
from unsinter.features.records.record import RecordError, abbreviate

LONGEST_LINE = 1_000_000
"""Bytes of one line; a longer one is almost always a file that is not what it says."""


MOST_FIELDS = 10_000
"""Fields of one row; more are almost always a table that lies on its side."""


HALF_OF_A_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it stands in the file."""

    number: int
    """From 1: the line of a JSONL file, the row of a table; the header of a CSV file is row 1."""

    values: dict[str, Any]


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


def read_jsonl(path: Path) -> Iterator[Row]:
    """Yield the objects of a JSON Lines file, empty lines left out."""
    for number, line in _read_lines(path):
        if not line.strip():
            continue
        try:
            values = parse_json(line.rstrip(), unique=True, finite=True)
        except JsonTextError as error:
            raise RecordError.at(path, f"{error}; write one JSON object per line", row=number) from error
        if not isinstance(values, dict):
            kind = {list: "list", str: "text", bool: "boolean", type(None): "null"}.get(
                type(values), "number"
            )
            fault = f"is a JSON {kind}, not an object; write one JSON object per line"
            raise RecordError.at(path, fault, row=number)
        yield Row(number=number, values=values)


def read_csv(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file under its header."""
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
    seen: set[str] = set()
    for index, name in enumerate(cells):
        if not name.strip():
            raise RecordError.at(path, f"column {index + 1} of the header has no name; name it", row=number)
        if name in seen:
            fault = f"the header names {abbreviate(name)} twice; rename one"
            raise RecordError.at(path, fault, row=number)
        seen.add(name)
    return cells
