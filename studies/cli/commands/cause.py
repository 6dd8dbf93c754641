"""What `cause` does: the model of a finished run is loaded again, and directions in it are changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from unsinter.cache import default_root
from unsinter.cache.location import expand_home
from unsinter.studies.causal.inputs import CausalError
from unsinter.studies.causal.sentences import causal_answers
from unsinter.studies.causal.used import with_used
from unsinter.studies.cli.tables.causal import effect_screens, matrix_screens
from unsinter.studies.figures.causal import causal_figures
from unsinter.studies.figures.layers import draw_each
from unsinter.studies.report.evidence.run_data import gather_evidence
from unsinter.studies.report.write import write_page
from unsinter.studies.run.recheck import causes_of_run
from unsinter.studies.store.additions import add_to_finished, folder_inside
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.study.causal import Causal
from unsinter.studies.study.file import load_study
from unsinter.studies.study.run_options import Progress, Settings
from unsinter.studies.tables.columns import Table
from unsinter.studies.tables.read import RunReader, open_run


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRequest:
    """What `unsinter cause` was given; None and nothing leave it to the study, else to the defaults."""

    run: Path
    model: str | None = None
    layer: int | None = None
    position: str | None = None
    categories: Sequence[str] = ()
    operation: str | None = None
    span: str | None = None
    tokens: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseOutcome:
    """What to say and show of the check, the figures written, and those not drawn and why."""

    lines: Sequence[str]
    tables: Sequence[Table]
    figures: Sequence[Path]
    not_drawn: Mapping[str, str]
    report: Path


def cause_verb(request: CauseRequest, *, progress: Progress) -> CauseOutcome:
    """Make the causal check of a finished run and add it to the run: table, verdicts' column, figures, page.

    Raises
    ------
    CausalError : no finished run, one whose model, prompts or answers changed since, or an option that names
        nothing.
    StudyError : a file of the run is damaged.
    """
    run = expand_home(request.run)
    reader = open_run(run, error=CausalError)
    summary = reader.summary()
    study = load_study(run / "study.yaml")
    study = study.model_copy(update={"causal": _overridden(request, study.causal or Causal())})
    settings = Settings(folder=run, cache_root=default_root(), progress=progress)
    made = causes_of_run(reader, summary, study, settings, model=request.model)
    causal = _with_others(made, reader.table("causal"))
    verdicts = reader.table("verdicts")
    folder = RunFolder(
        path=run, study_text=reader.study_text(), fingerprint=str(summary.get("fingerprint") or "")
    )
    figures = folder_inside(run, "figures")
    drawn = []

    def write() -> None:
        folder.write_table("causal", causal)
        if verdicts is not None:
            folder.write_table("verdicts", with_used(verdicts, causal))
        drawn.append(draw_each(causal_figures(causal), figures))
        whole = RunReader(folder=run, inventory=None, error=CausalError)
        write_page(gather_evidence(whole, summary))

    add_to_finished(folder, write)
    models = list(dict.fromkeys(made["model"]))
    return CauseOutcome(
        lines=causal_answers(made, models),
        tables=[*effect_screens(made), *matrix_screens(made)],
        figures=drawn[0].paths,
        not_drawn=drawn[0].faults,
        report=run / "report.html",
    )


def _overridden(request: CauseRequest, own: Causal) -> Causal:
    """Return the section of the study with what the command line names put in."""
    names = ("layer", "position", "operation", "span", "tokens")
    named = {name: value for name in names if (value := getattr(request, name)) is not None}
    if request.categories:
        named["categories"] = tuple(request.categories)
    try:
        return Causal.model_validate(own.model_dump() | named)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise CausalError(f"--{where}: {problem['msg']}, got {str(problem['input'])[:80]!r}.") from error


def _with_others(made: pd.DataFrame, earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Return the new rows with the earlier ones of other models."""
    if earlier is None or earlier.empty:
        return made
    others = earlier[~earlier["model"].isin(set(made["model"]))]
    return pd.concat([others, made], ignore_index=True) if len(others) else made
