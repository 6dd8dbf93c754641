"""The `unsinter` command: one function per verb, no logic; heavy libraries are imported inside the verbs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from unsinter.studies.cli.cache_app import cache_app
from unsinter.studies.cli.causal_app import cause
from unsinter.studies.cli.cluster_options import AddressOption, BackendOption, CodeOption, GpusOption
from unsinter.studies.cli.records_app import check, label
from unsinter.studies.cli.show_app import show
from unsinter.studies.cli.sizing_app import doctor, plan
from unsinter.studies.cli.terminal import (
    end_without,
    one_line_errors,
    progress_bars,
    show_line,
    show_tables,
    show_version,
    shown,
    to_output,
)
from unsinter.studies.cli.usage import OneLineGroup
from unsinter.studies.cli.view_app import view

app = typer.Typer(
    name="unsinter",
    cls=OneLineGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cache_app, name="cache")


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """Study how open instruct models refuse: extract once, probe every layer, compare, export."""


@app.command()
@one_line_errors
def run(
    study: Annotated[Path | None, typer.Argument(help="Study file (YAML).")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Run the embedded study on planted models.")] = False,
    real: Annotated[bool, typer.Option("--real", help="Run the embedded study on a real model.")] = False,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/<study name> unless named.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override, as --set seed=1.")] = None,
    jobs: Annotated[int, typer.Option(help="Models at once, then workers that fit.")] = 1,
    storage: Annotated[
        str | None, typer.Option(help="Optuna storage URL for trials; optuna-dashboard shows it.")
    ] = None,
    track: Annotated[str | None, typer.Option(help="Follow it in trackio, mlflow or wandb.")] = None,
    run_model_code: CodeOption = False,
    backend: BackendOption = "loky",
    address: AddressOption = None,
    gpus: GpusOption = None,
) -> None:
    """Run a study: extract, answer, probe, tune, compare, report, export; goes on where it stopped."""
    from unsinter.studies.cli.commands.run import RunRequest, run_verb
    from unsinter.studies.workers.backend import Backend

    request = RunRequest(
        study_file=study, demo=demo, real=real, out=out, overrides=set_ or [], n_jobs=jobs, storage=storage,
        track=track, backend=Backend(name=backend, address=address, gpus=gpus), runs_code=run_model_code,
    )  # fmt: skip
    with progress_bars() as progress:
        outcome = run_verb(request, progress=progress)
    for line in outcome.answer:
        show_line(line)
    show_line("")
    show_tables(outcome.tables)
    show_line(f"Report: {outcome.folder / 'report.html'}")
    if outcome.trials:
        show_line(f"Trials: {outcome.trials}")
    if outcome.tracked:
        show_line(f"Tracked: {outcome.tracked}")
    end_without(outcome.not_drawn)


app.command()(check)
app.command()(label)


@app.command()
@one_line_errors
def extract(
    study: Annotated[Path, typer.Argument(help="Study file (YAML).")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override, as --set seed=1.")] = None,
    shard: Annotated[str | None, typer.Option(help="One part of several, as 3/8.")] = None,
    run_model_code: CodeOption = False,
    backend: BackendOption = "loky",
    address: AddressOption = None,
    gpus: GpusOption = None,
) -> None:
    """Fill the cache with a study's activations, and nothing else."""
    from unsinter.studies.cli.commands.extract import extract_verb
    from unsinter.studies.workers.backend import Backend

    who = Backend(name=backend, address=address, gpus=gpus)
    with progress_bars() as progress:
        tables, lines = extract_verb(
            study, overrides=set_ or [], progress=progress, shard=shard, runs_code=run_model_code, backend=who
        )
    show_tables(tables)
    for line in lines:
        show_line(line)


@app.command()
@one_line_errors
def export(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    target: Annotated[str, typer.Option(help="D, C, R or W.")],
    layer: Annotated[int | None, typer.Option(help="Layer; without it, the selected site.")] = None,
    position: Annotated[str | None, typer.Option(help="Position; goes with --layer.")] = None,
    model: Annotated[str | None, typer.Option(help="Model, where the run has several.")] = None,
    family: Annotated[str | None, typer.Option(help="Probe family, where a site has several.")] = None,
    tuned: Annotated[bool, typer.Option("--tuned", help="The probe that tuning chose.")] = False,
    format_: Annotated[str, typer.Option("--format", help="safetensors,onnx,sklearn.")] = "safetensors",
    out: Annotated[Path | None, typer.Option(help="Folder of exports; RUN/exports unless named.")] = None,
) -> None:
    """Write a probe of a finished run: safetensors with its card, and ONNX or scikit-learn beside it."""
    from unsinter.studies.cli.commands.export import ExportRequest, export_verb

    show_tables(export_verb(ExportRequest(
        run=run, target=target, model=model, layer=layer, position=position, family=family, tuned=tuned,
        formats=format_, out=out,
    )))  # fmt: skip


@app.command()
@one_line_errors
def score(
    probe: Annotated[Path, typer.Argument(help="Exported probe: its folder, or its .safetensors file.")],
    source: Annotated[str | None, typer.Argument(help="- for standard input.")] = None,
    *,
    model: Annotated[str, typer.Option(help="Folder or id of the model it was fitted on.")],
    text: Annotated[list[str] | None, typer.Option(help="A text; may be given again.")] = None,
    file: Annotated[str | None, typer.Option(help="JSONL, CSV or Parquet, or a text per line.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per text.")] = False,
    adapter: Annotated[str | None, typer.Option(help="Folder of the adapter its model had merged.")] = None,
) -> None:
    """Score new texts: per text a line of score, probability, decision and its beginning, tab-separated."""
    from unsinter.studies.scoring.score import ScoreRequest, score_verb

    request = ScoreRequest(
        probe=probe, model=model, texts=text or [], file=file, dash=source, stdin=sys.stdin.buffer,
        as_json=json, adapter=adapter,
    )  # fmt: skip
    with progress_bars() as progress:
        lines = score_verb(request, progress=progress)
    with to_output():
        for line in lines:
            typer.echo(line if json else shown(line))  # Rich would turn tabs into spaces


@app.command()
@one_line_errors
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
) -> None:
    """Write a finished run's report again, from its tables; nothing is fitted."""
    from unsinter.studies.cli.commands.report import report_verb

    page, not_drawn = report_verb(run)
    show_line(f"Report: {page}")
    end_without(not_drawn)


@app.command()
@one_line_errors
def transfer(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    kind: Annotated[
        str | None, typer.Option(help="category, category_held_out, wording or source; all unless named.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for figures; RUN/figures unless named.")] = None,
    order: Annotated[str, typer.Option(help="given, clustered or alphabetical.")] = "given",
) -> None:
    """Show how probes transfer across categories, wordings, sources and models, with heat maps."""
    from unsinter.studies.cli.commands.transfer import transfer_verb

    outcome = transfer_verb(run, kind=kind, out=out, order=order)
    show_tables(outcome.tables)
    for figure in outcome.figures:
        show_line(f"figure: {figure}")
    end_without(outcome.not_drawn)


@app.command()
@one_line_errors
def separate(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    pair: Annotated[str | None, typer.Option(help="D-R, D-W, C-W or D-topic; all unless named.")] = None,
    model: Annotated[str | None, typer.Option(help="Model, where the run has several.")] = None,
    contrasts: Annotated[bool, typer.Option("--contrasts", help="A line per class pair as well.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for figures; RUN/figures unless named.")] = None,
) -> None:
    """Show whether two things are represented apart: verdicts by site, evidence, what stays open."""
    from unsinter.studies.cli.commands.separate import separate_verb

    outcome = separate_verb(run, pair=pair, model=model, contrasts=contrasts, out=out)
    for line in outcome.lines:
        show_line(line)
    show_tables(outcome.tables)
    for figure in outcome.figures:
        show_line(f"figure: {figure}")
    end_without(outcome.not_drawn)


app.command()(show)
app.command()(view)
app.command()(cause)
app.command()(plan)
app.command()(doctor)
