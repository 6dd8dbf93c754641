"""What the command line shows: tables, progress, one-line errors. Imported by `cli.py` only."""

import errno
import functools
import io
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import ParamSpec, TypeVar

import typer
import typer.core
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from unsinter.cache.errors import UnsinterError, cannot_write
from unsinter.cache.location import expand_home
from unsinter.studies.cli.progress import ProgressLines

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_WIDE = 170
"""Columns of output that goes to a file or a pipe, so that no number is cut off."""

_TEXTS = frozenset({"text", "set_", "columns", "gold", "prompt"})
"""Arguments that are words rather than files, whose names must stay as the system gave them."""

_NAME = 20
"""Columns that a row's name keeps however narrow the terminal."""

_NO_FILE_NAME = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.ENODEV})
"""A name that no file can have, or one that leads to no file."""

_LONGEST_LINE = 2000
"""Characters of an error; of a longer one, a name of thousands in it, say, the middle is left out."""

_OUTSIDE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO})
"""A full disk, quota or file-size limit, a read-only or broken disk: nothing of ours is at fault."""


def write_what_fits() -> None:
    """Let output in a narrow encoding show a sign in place of each character that it lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")


def _typed(text: str) -> str:
    """Return an argument as its bytes read in UTF-8, which a narrow locale leaves undecoded."""
    try:
        return os.fsencode(text).decode()
    except UnicodeError:
        return text


def _as_typed(value: object) -> object:
    if isinstance(value, list):
        return [_as_typed(item) for item in value]
    return _typed(value) if isinstance(value, str) else value


write_what_fits()
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE)
_errors = Console(stderr=True, soft_wrap=True, highlight=False)


def one_line_errors(verb: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Turn bad input into one line on stderr and exit code 2; Ctrl-C into 130; leave faults alone.

    ``~`` at the beginning of a path is the home folder, which a shell does not see to in ``--out=~/runs``.
    """

    @functools.wraps(verb)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        for name in _TEXTS & kwargs.keys():
            kwargs[name] = _as_typed(kwargs[name])
        try:
            for name, value in kwargs.items():
                kwargs[name] = _at_home(value)
            return verb(*args, **kwargs)
        except KeyboardInterrupt:
            _errors.print("unsinter: stopped; the same command goes on where it was.")
            raise typer.Exit(130) from None
        except UnicodeEncodeError as error:
            if error.encoding.lower().replace("-", "") == "utf8":
                raise
            _errors.print(
                f"unsinter: {error.object!a} cannot be a file name in this locale's "
                f"{sys.getfilesystemencoding()}; set PYTHONUTF8=1 or a UTF-8 locale.",
                markup=False,
            )
            raise typer.Exit(2) from error
        except (UnsinterError, OSError) as error:
            if not _is_bad_input(error):
                raise
            show_error(str(error))
            raise typer.Exit(2) from error

    return guarded


def show_error(text: str) -> None:
    """Print one line on stderr, whatever line ends the text has."""
    line = " ".join(text.split())
    if len(line) > _LONGEST_LINE:
        half = _LONGEST_LINE // 2
        line = f"{line[:half]} ... ({len(line) - 2 * half:,} characters) ... {line[-half:]}"
    _errors.print(shown(f"unsinter: {line}"), markup=False)


def _at_home(value: object) -> object:
    if isinstance(value, list):
        return [_at_home(item) for item in value]
    return expand_home(value) if isinstance(value, Path) else value


_SENT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Signs that a terminal acts on rather than shows: all control characters but tab and line end, other
ends of lines, and all that turn the direction of writing round, so that a name reads as what it is not."""


def shown(text: str) -> str:
    """Return a text whose control characters are written out, as ``\\x1b``, and not sent to the terminal."""
    return _SENT.sub(lambda sign: ascii(sign[0])[1:-1], text)


class _Lines(logging.Handler):
    """Print what the library says while it works, a line each, on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        _errors.print(shown(self.format(record)), markup=False)


# A folder's or model's name in a message is shown as all other names are.
logging.getLogger("unsinter").addHandler(_Lines(level=logging.WARNING))


@contextmanager
def to_output() -> Iterator[None]:
    """Turn a refused write of what is shown, to a full disk maybe, into one line and exit code 2."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OUTSIDE:  # a pipe that its reader closed is no fault
            raise
        show_error(cannot_write(Path("the standard output"), error))
        raise typer.Exit(2) from error


@to_output()
def show_line(text: str) -> None:
    """Print one line as it is, however wide the terminal."""
    console.print(shown(text), markup=False, highlight=False, soft_wrap=True)


@to_output()
def show_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table; the title stands above it unwrapped, numbers keep the text they come with."""
    console.print(shown(title), markup=False, highlight=False, soft_wrap=True, style="bold")
    table = Table(header_style="bold")
    for place, column in enumerate(header):
        # The first column names the row: a narrow terminal folds the others before it.
        longest = max((len(str(row[place])) for row in rows), default=0) if place == 0 else 0
        table.add_column(Text(shown(column)), overflow="fold", min_width=min(longest, _NAME))
    for row in rows:
        # As Text: a prompt or a file name may hold what Rich would read as markup.
        table.add_row(*(Text("" if cell is None else shown(str(cell))) for cell in row))
    console.print(table)


def show_tables(tables: Iterable[tuple[str, Sequence[str], Sequence[Sequence[object]]]]) -> None:
    """Print tables, one below the other."""
    for table in tables:
        show_table(*table)


def end_without(not_drawn: Mapping[str, str]) -> None:
    """Say which figures could not be drawn and why, and end with exit code 1; of none, say nothing."""
    for name, why in not_drawn.items():
        _errors.print(shown(f"unsinter: the figure {name} could not be drawn ({why})."), markup=False)
    if not_drawn:
        raise typer.Exit(1)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (step, done, total) that draws bars on a terminal and prints lines elsewhere."""
    if not sys.stderr.isatty():
        yield ProgressLines(show=lambda line: _errors.print(shown(line), markup=False))
        return
    columns = (
        TextColumn("{task.description}", markup=False),  # a model may be called [red]
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(shown(step), total=total, completed=done)
            bars.update(tasks[step], completed=done, total=total)

        yield report


def _is_bad_input(error: UnsinterError | OSError) -> bool:
    """Our own named errors and missing or unreadable files; any other error is a fault of ours."""
    if isinstance(error, OSError) and error.errno in _OUTSIDE | _NO_FILE_NAME:
        return True
    return isinstance(
        error,
        UnsinterError
        | FileExistsError
        | FileNotFoundError
        | PermissionError
        | IsADirectoryError
        | NotADirectoryError,
    )


def show_version(wanted: bool) -> None:
    """Show the version and end, where it is wanted."""
    if wanted:
        show_line(version("unsinter"))
        raise typer.Exit
