"""The command that writes the page to explore a run with."""

from pathlib import Path
from typing import Annotated

import typer

from unsinter.studies.cli.terminal import one_line_errors, progress_bars, show_line


@one_line_errors
def view(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path | None, typer.Option(help="Page to write; RUN/explorer.html unless named.")] = None,
) -> None:
    """Write one page to explore a run with: prompts on two axes, layer by layer, cells that open evidence."""
    from unsinter.studies.cli.commands.view import view_verb

    with progress_bars() as progress:
        page = view_verb(run, out=out, progress=progress)
    show_line(f"Page: {page}")
