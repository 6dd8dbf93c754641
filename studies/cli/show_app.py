"""The command that shows one prompt, its text in colours where the terminal has them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from unsinter.studies.cli.terminal import (
    console,
    one_line_errors,
    progress_bars,
    show_line,
    show_tables,
    shown,
)

_COLOURS = {
    1: "black on #f6d8c4", 2: "black on #eeb18c", 3: "black on #e08449", 4: "white on #c44e00",
    -1: "black on #cfe3f0", -2: "black on #92c2e0", -3: "black on #4a9bcb", -4: "white on #0072b2",
}  # fmt: skip
"""Level above or below a threshold -> orange or blue, which colour-blind readers tell apart."""


def show_coloured(spans: Iterable[tuple[str, int]]) -> None:
    """Print text in the colours of its levels, underlined where they are above 0; without colours where
    the output is no terminal or NO_COLOR is set.
    """
    text = Text()
    for part, level in spans:
        underline = " underline" if level > 0 else ""
        text.append(
            part if part == "\n" else shown(part), style=f"{_COLOURS.get(level, '')}{underline}".strip()
        )
    console.print(text, soft_wrap=True, highlight=False)


@one_line_errors
def show(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    prompt: Annotated[str | None, typer.Option(help="Its id; without it, what the run itself read.")] = None,
    model: Annotated[str | None, typer.Option(help="Model, where the run has several.")] = None,
    target: Annotated[str | None, typer.Option(help="Of two classes; all of them unless named.")] = None,
    layer: Annotated[
        int | None, typer.Option(help="Layer of the colours; the chosen one unless named.")
    ] = None,
    position: Annotated[str | None, typer.Option(help="Where the probes were fitted.")] = None,
    out: Annotated[Path | None, typer.Option(help="Page to write; in RUN/shown unless named.")] = None,
) -> None:
    """Show one prompt token by token: coloured by probe score, as text here and with a map as a page."""
    from unsinter.studies.cli.commands.show import ShowRequest, show_verb

    request = ShowRequest(
        run=run, prompt=prompt, model=model, target=target, layer=layer, position=position, out=out
    )
    with progress_bars() as progress:
        outcome = show_verb(request, progress=progress)
    for line in outcome.lines:
        show_line(line)
    for caption, spans in outcome.texts:
        show_line(f"\n{caption}")
        show_coloured(spans)
    show_tables(outcome.tables)
    if outcome.page is not None:
        show_line(f"Page: {outcome.page}")
