"""What `separate` does: the verdicts of a finished run as sentences, tables and figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from unsinter.cache.errors import UnsinterError
from unsinter.cache.location import expand_home
from unsinter.studies.cli.tables.separation import (
    contrast_screens,
    evidence_screens,
    map_screens,
    reason_screen,
)
from unsinter.studies.data.sites import Site
from unsinter.studies.figures.layers import draw_each
from unsinter.studies.figures.verdict_text import chosen_site, summary_rows, thresholds_of, unknown_verdict
from unsinter.studies.figures.verdicts import evidence_curves, verdict_maps
from unsinter.studies.reasons.columns import REASON_DATA
from unsinter.studies.report.evidence.verdict_sentences import LIMITS, says_something, separation_answers
from unsinter.studies.store.additions import folder_inside, note_rewritten
from unsinter.studies.tables.columns import VERDICTS, Table
from unsinter.studies.tables.read import RunReader, open_run

_CHOICE = ("model", "target", "layer", "position", "selected", "inner_score")


class SeparationError(UnsinterError, ValueError):
    """A folder whose verdicts cannot be shown, or an option that names nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationOutcome:
    """What to say and show of a run's verdicts, the figures written, and those not drawn and why."""

    lines: Sequence[str]
    tables: Sequence[Table]
    figures: Sequence[Path]
    not_drawn: Mapping[str, str]


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
    reader = open_run(run, error=SeparationError)
    needed = [name for name in VERDICTS if name not in REASON_DATA]  # earlier runs have the words only
    verdicts = reader.table("verdicts", columns=needed)
    results = reader.table("results", columns=_CHOICE)
    if verdicts is None or verdicts.empty:
        raise SeparationError(
            f"{run} holds no verdicts: D was not studied, or no response was labelled, so that there was no "
            "second factor; give the study responses and run it again."
        )
    if (unknown := unknown_verdict(verdicts)) is not None:
        raise SeparationError(f"{run / 'verdicts.parquet'} {unknown}")
    verdicts = _only(_only(verdicts, "model", model, run), "pair", pair, run)
    models = list(dict.fromkeys(verdicts["model"]))
    lines = [
        sentence for _, sentences in separation_answers(verdicts, results, models) for sentence in sentences
    ]
    tables = [*map_screens(verdicts), *evidence_screens(verdicts, results)]
    if contrasts:
        tables += contrast_screens(verdicts, results)
    drawn = draw_each(_figures(verdicts, results, reader), out or folder_inside(run, "figures"))
    note_rewritten(run, drawn.paths)
    return SeparationOutcome(
        lines=[*lines, LIMITS] if says_something(verdicts) else lines,
        tables=[*tables, *reason_screen(verdicts)],
        figures=drawn.paths,
        not_drawn=drawn.faults,
    )


def _only(verdicts: pd.DataFrame, column: str, value: str | None, run: Path) -> pd.DataFrame:
    there = list(dict.fromkeys(verdicts[column]))
    if value is not None and value not in there:
        raise SeparationError(
            f"{run} holds no verdicts with --{column} {value!r}; it holds {', '.join(map(str, there))}."
        )
    return verdicts if value is None else verdicts[verdicts[column] == value]


def _figures(
    verdicts: pd.DataFrame, results: pd.DataFrame | None, reader: RunReader
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    thresholds = thresholds_of(reader.study())
    for model, rows in summary_rows(verdicts).groupby("model", sort=False):
        parts = [(str(pair), part, _site(part, results)) for pair, part in rows.groupby("pair", sort=False)]
        yield f"verdicts-{model}", partial(verdict_maps, parts)
        for pair, part, _ in parts:
            title = f"{model}: {pair}"
            yield f"evidence-{model}-{pair}", partial(evidence_curves, part, thresholds, title=title)


def _site(rows: pd.DataFrame, results: pd.DataFrame | None) -> Site:
    row, _ = chosen_site(rows, results)
    return row["layer"], row["position"]
