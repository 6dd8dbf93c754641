"""What `separate` does: the verdicts of a finished run as sentences, tables and figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from unsinter.cache.location import expand_home
from unsinter.studies.cli.tables.separation import (
    contrast_screens,
    evidence_screens,
    map_screens,
    reason_screen,
)
from unsinter.studies.figures.layers import save_figure
from unsinter.studies.figures.verdict_text import chosen_site, summary_rows, thresholds_of, unknown_verdict
from unsinter.studies.figures.verdicts import Site, evidence_curves, verdict_maps
from unsinter.studies.report.verdict_sentences import LIMITS, says_something, separation_answers
from unsinter.studies.tables.columns import VERDICTS, Table
from unsinter.studies.tables.read import read_run_table

_CHOICE = ("model", "target", "layer", "position", "selected", "inner_score")


class SeparationError(ValueError):
    """A folder whose verdicts cannot be shown, or an option that names nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationOutcome:
    """What to say and show of a run's verdicts, and the figures written."""

    lines: Sequence[str]
    tables: Sequence[Table]
    figures: Sequence[Path]


def separate_verb(
    run: Path, *, pair: str | None, model: str | None, contrasts: bool, out: Path | None
) -> SeparationOutcome:
    """Return the verdicts of a finished run and write a map per model and the evidence of each pair.

    Figures go to ``out``, or to the run's own `figures` folder.

    Raises
    ------
    SeparationError : no run, an unfinished one, one without verdicts, or an unknown verdict, pair or model.
    """
    run, out = expand_home(run), None if out is None else expand_home(out)
    verdicts = read_run_table(run, "verdicts", columns=VERDICTS, error=SeparationError)
    results = read_run_table(run, "results", columns=_CHOICE, error=SeparationError)
    if verdicts is None or verdicts.empty:
        raise SeparationError(
            f"{run} holds no verdicts: D was not studied, or no response was labelled, so that there was no "
            "second factor; give the study responses and run it again."
        )
    if (unknown := unknown_verdict(verdicts)) is not None:
        raise SeparationError(f"{run / 'verdicts.parquet'} {unknown}")
    verdicts = _only(_only(verdicts, "model", model, run), "pair", pair, run)
    models = list(dict.fromkeys(verdicts["model"]))
    lines = [said for _, told in separation_answers(verdicts, results, models) for said in told]
    tables = [*map_screens(verdicts), *evidence_screens(verdicts, results)]
    if contrasts:
        tables += contrast_screens(verdicts, results)
    return SeparationOutcome(
        lines=[*lines, LIMITS] if says_something(verdicts) else lines,
        tables=[*tables, *reason_screen(verdicts)],
        figures=_draw(verdicts, results, run, out or run / "figures"),
    )


def _only(verdicts: pd.DataFrame, column: str, value: str | None, run: Path) -> pd.DataFrame:
    there = list(dict.fromkeys(verdicts[column]))
    if value is not None and value not in there:
        raise SeparationError(
            f"{run} holds no verdicts with --{column} {value!r}; it holds {', '.join(map(str, there))}."
        )
    return verdicts if value is None else verdicts[verdicts[column] == value]


def _draw(verdicts: pd.DataFrame, results: pd.DataFrame | None, run: Path, folder: Path) -> list[Path]:
    thresholds = thresholds_of(_study(run))
    figures: list[Path] = []
    for model, rows in summary_rows(verdicts).groupby("model", sort=False):
        parts = [(str(pair), part, _site(part, results)) for pair, part in rows.groupby("pair", sort=False)]
        figures += save_figure(verdict_maps(parts), folder, f"verdicts-{model}")
        for pair, part, _ in parts:
            figure = evidence_curves(part, thresholds, title=f"{model}: {pair}")
            figures += save_figure(figure, folder, f"evidence-{model}-{pair}")
    return figures


def _site(rows: pd.DataFrame, results: pd.DataFrame | None) -> Site:
    row, _ = chosen_site(rows, results)
    return row["layer"], row["position"]


def _study(run: Path) -> dict[str, Any]:
    try:
        study = yaml.safe_load((run / "study.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SeparationError(
            f"{run / 'study.yaml'} cannot be read ({error}); run the study again."
        ) from error
    return study if isinstance(study, dict) else {}
