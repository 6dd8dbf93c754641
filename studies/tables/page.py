"""The page on columns, `docs/columns.md`: its tables are made from the declarations, its other words stay.

``python -m unsinter.studies.tables.page docs/columns.md`` (or ``make columns``) writes them anew.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from unsinter.cache.atomic import write_atomically
from unsinter.cache.errors import UnsinterError
from unsinter.studies.tables.column import RunTable
from unsinter.studies.tables.run_tables import RUN_TABLES

START = "<!-- from here on made by `make columns` -->"
END = "<!-- to here -->"


class PageError(UnsinterError, ValueError):
    """A page that holds no place for the tables, or cannot be read."""


def column_tables(tables: Iterable[RunTable]) -> str:
    """Return the tables of columns in Markdown, one section each."""
    return "\n".join(_section(table) for table in tables)


def with_tables(page: str, tables: Iterable[RunTable]) -> str:
    """Return the page with its tables made anew, all else as it is.

    Raises
    ------
    PageError : not exactly one mark where the tables start, and one behind it where they end.
    """
    head, start, rest = page.partition(START)
    _, end, tail = rest.partition(END)
    if not start or not end or START in rest or END in tail:
        raise PageError(f"the page needs one line {START} and one line {END} behind it; put them there.")
    return f"{head}{START}\n\n{column_tables(tables)}\n{END}{tail}"


def _section(table: RunTable) -> str:
    rows = [
        f"| `{name}` | {column.dtype} | {column.meaning or 'as the column above'} |"
        for name, column in table.columns.items()
    ]
    lines = [f"## `{table.name}.parquet`: {table.row}", "", "| column | type | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *rows, ""])


def main(arguments: Sequence[str]) -> int:
    """Write the tables of the page that is named; return 0, or 2 where that cannot be done."""
    if len(arguments) != 1:
        print("page: name the one page to write, as docs/columns.md.", file=sys.stderr)
        return 2
    path = Path(arguments[0])
    try:
        page = with_tables(path.read_text(encoding="utf-8"), RUN_TABLES.values())
        write_atomically(path, [page.encode()])
    except (OSError, UnicodeDecodeError, PageError) as error:
        print(f"page: {path}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
