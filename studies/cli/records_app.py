"""The commands that read records and no model."""

from pathlib import Path
from typing import Annotated

import typer

from unsinter.studies.cli.terminal import one_line_errors, show_tables


@one_line_errors
def check(
    data: Annotated[list[Path] | None, typer.Argument(help="Prompts, responses, or a study file.")] = None,
    responses: Annotated[Path | None, typer.Option(help="Responses to the prompts.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="Prompts, where DATA holds responses.")] = None,
    columns: Annotated[str, typer.Option(help="Our field to your column: category=topic,group=family.")] = "",
    all_harmful: Annotated[list[Path] | None, typer.Option(help="Prompts that are all harmful.")] = None,
    all_harmless: Annotated[list[Path] | None, typer.Option(help="Prompts that are all harmless.")] = None,
    near_copies: Annotated[float | None, typer.Option(help="Least similarity of near copies.")] = None,
    strip_wrapper: Annotated[bool, typer.Option("--strip-wrapper", help="Compare without it.")] = False,
) -> None:
    """Validate records, count sources, categories and cells, and say which questions they can answer."""
    from unsinter.studies.cli.commands.data import CheckRequest, check_verb

    show_tables(check_verb(CheckRequest(
        data=data or [], responses=responses, prompts=prompts, columns=columns, all_harmful=all_harmful or [],
        all_harmless=all_harmless or [], near_copies=near_copies, strip_wrapper=strip_wrapper,
    )))  # fmt: skip


@one_line_errors
def label(
    data: Annotated[Path, typer.Argument(help="Responses (JSONL).")],
    out: Annotated[Path | None, typer.Option(help="Write labelled responses here.")] = None,
    judge: Annotated[str, typer.Option(help="rules, hf:FOLDER or endpoint:MODEL@URL.")] = "rules",
    gold: Annotated[str | None, typer.Option(help="Field with gold labels to agree with.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="Their prompts.")] = None,
    rates: Annotated[Path | None, typer.Option(help="With --gold: write how often labels are right.")] = None,
) -> None:
    """Label responses (R, W, moves), with provenance and agreement against gold labels."""
    from unsinter.studies.cli.commands.data import label_verb

    show_tables(label_verb(data, out=out, judge=judge, gold=gold, prompts=prompts, rates=rates))
