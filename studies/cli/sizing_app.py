"""The commands that say what a study would take, and could see."""

from pathlib import Path
from typing import Annotated

import typer

from unsinter.studies.cli.cluster_options import AddressOption, BackendOption
from unsinter.studies.cli.terminal import (
    one_line_errors,
    show_line,
    show_tables,
)


@one_line_errors
def plan(
    cells: Annotated[
        str | None, typer.Option(help="Prompts per cell: both, first only, second only, neither.")
    ] = None,
    n: Annotated[int | None, typer.Option(help="Prompts, with --phi in place of --cells.")] = None,
    phi: Annotated[float | None, typer.Option(help="Correlation of the two factors.")] = None,
    auc: Annotated[float, typer.Option(help="AUROC of the best possible reader of a factor.")] = 0.95,
    d: Annotated[int, typer.Option(help="Width of the model.")] = 128,
    categories: Annotated[int, typer.Option(help="Topics held fixed; 1 holds none.")] = 4,
    worlds: Annotated[int, typer.Option(help="Planted worlds of each kind.")] = 20,
    seed: Annotated[int, typer.Option(help="Of all draws.")] = 0,
    jobs: Annotated[int, typer.Option(help="Workers.")] = 1,
    study: Annotated[Path | None, typer.Option(help="Count --pair in the records of a study file.")] = None,
    pair: Annotated[str | None, typer.Option(help="D-R, jailbreak-R, ... of --study.")] = None,
    backend: BackendOption = "loky",
    address: AddressOption = None,
) -> None:
    """Show what a study of this size can hope to see: verdicts on planted worlds with as many prompts."""
    from unsinter.studies.cli.commands.plan import PlanRequest, plan_verb
    from unsinter.studies.workers.backend import Backend

    show_tables([plan_verb(PlanRequest(
        cells=cells, n=n, phi=phi, auc=auc, d=d, n_categories=categories, n_worlds=worlds, seed=seed,
        n_jobs=jobs, study=study, pair=pair, backend=Backend(name=backend, address=address),
    ))])  # fmt: skip


@one_line_errors
def doctor(
    model: Annotated[str | None, typer.Argument(help="Model folder or id to examine as well.")] = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    study: Annotated[Path | None, typer.Option(help="Predict a study's memory, disk and time.")] = None,
    prompts: Annotated[int | None, typer.Option(help="Predict --study for so many prompts.")] = None,
    devices: Annotated[str | None, typer.Option(help="Predict --study for others too, as 64xH100.")] = None,
) -> None:
    """Show versions, devices, memory; for a model: what it would need and the positions its template has."""
    from unsinter.studies.cli.commands.doctor import doctor_verb

    examination = doctor_verb(model, dtype=dtype, study_file=study, n_prompts=prompts, devices=devices)
    show_tables(examination.tables)
    for line in examination.lines:
        show_line(line)
    for problem in examination.problems:
        show_line(f"problem: {problem}")
    if examination.problems:
        raise typer.Exit(1)
