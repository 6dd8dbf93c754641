"""Misuse of the command line, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
import typer.core

from unsinter.studies.cli.terminal import show_error


class OneLineGroup(typer.core.TyperGroup):
    """Commands whose misuse is one line on stderr, as every other bad input is, and exit code 2."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments before the verb."""
        with _one_line_usage():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Read the verb and its arguments, and run it."""
        with _one_line_usage():
            return super().invoke(ctx)


_UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""What the command-line library raises for an unknown verb or option, and for a value of the wrong kind."""


@contextmanager
def _one_line_usage() -> Iterator[None]:
    try:
        yield
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a bare `unsinter`: the help, not a fault
            raise
        command = error.ctx.command_path if error.ctx is not None else "unsinter"
        show_error(f"{error.format_message().rstrip('.')}; see `{command} --help`.")
        raise typer.Exit(2) from error
