"""Misuse of the command line, in one line."""

from collections.abc import Iterator, Sequence
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

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb; an option of one value that is given twice is misuse: one would be lost."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and (twice := _given_twice(command.params, rest)) is not None:
            raise _UsageError(f"{twice} is given twice and takes one value", ctx)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Read the verb and its arguments, and run it."""
        with _one_line_usage():
            return super().invoke(ctx)


_UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""What the command-line library raises for an unknown verb or option, and for a value of the wrong kind."""


def _given_twice(params: Sequence[Any], args: Sequence[str]) -> str | None:
    """Return the first option with one value that the arguments of a verb name twice; None where none is."""
    single = {
        name: param
        for param in params
        for name in param.opts
        if param.param_type_name == "option" and not (param.multiple or param.is_flag)
    }
    seen: set[str] = set()
    words = iter(args)
    for word in words:
        if word == "--":
            break
        name, equals, _ = word.partition("=")
        if name not in single:
            continue
        if single[name].name in seen:
            return name
        seen.add(single[name].name)
        if not equals:
            next(words, None)  # its value, which may look like an option
    return None


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
