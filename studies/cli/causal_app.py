"""The verb `cause`: whether a model uses what probes read."""

from pathlib import Path
from typing import Annotated

import typer

from unsinter.studies.cli.terminal import end_without, one_line_errors, progress_bars, show_line, show_tables


@one_line_errors
def cause(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    model: Annotated[str | None, typer.Option(help="Model, where the run has several.")] = None,
    layer: Annotated[
        int | None, typer.Option(help="Layer; the site chosen in training unless named.")
    ] = None,
    position: Annotated[str | None, typer.Option(help="Position; goes with --layer.")] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Only this category; may be given again.")
    ] = None,
    operation: Annotated[str | None, typer.Option(help="remove or add.")] = None,
    span: Annotated[str | None, typer.Option(help="at: one layer; from: all later ones too.")] = None,
    tokens: Annotated[str | None, typer.Option(help="all, or site: those of the position alone.")] = None,
) -> None:
    """Show whether the model uses what probes read: directions are taken out while it reads a prompt."""
    from unsinter.studies.cli.commands.cause import CauseRequest, cause_verb

    request = CauseRequest(
        run=run, model=model, layer=layer, position=position, categories=category or [],
        operation=operation, span=span, tokens=tokens,
    )  # fmt: skip
    with progress_bars() as progress:
        outcome = cause_verb(request, progress=progress)
    for line in outcome.lines:
        show_line(line)
    show_tables(outcome.tables)
    for figure in outcome.figures:
        show_line(f"figure: {figure}")
    show_line(f"Report: {outcome.report}")
    end_without(outcome.not_drawn)
