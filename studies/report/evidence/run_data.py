"""What a run folder holds: its summary, its study and whichever tables were written."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from unsinter.cache.errors import UnsinterError
from unsinter.studies.figures.verdict_text import unknown_verdict
from unsinter.studies.reasons.columns import REASON_DATA
from unsinter.studies.study.group_minimums import MIN_GROUPS
from unsinter.studies.study.target_definition import TargetDefinition
from unsinter.studies.study.targets import definition_of, in_order, read_definitions
from unsinter.studies.tables.column import Columns
from unsinter.studies.tables.columns import RESULTS, VERDICTS
from unsinter.studies.tables.read import RunReader
from unsinter.studies.tables.run_tables import RUN_TABLES
from unsinter.studies.tables.transfer_columns import with_target

READABLE = (2, 3, 4)
"""The versions of a run that the report reads: 2 has no ``answer`` in its summary, and no `not-apart`; 2 and
3 have reasons in words only and no inventory."""

WITHOUT_LATER_COLUMNS = (2,)

TABLES = tuple(name for name, table in RUN_TABLES.items() if table.in_report)


class ReportError(UnsinterError, ValueError):
    """A folder holds no finished run that a report can be written of."""


@dataclass(frozen=True, kw_only=True)
class RunEvidence:
    """Everything a report is written from; a table that the run did not write is empty."""

    folder: Path
    summary: dict[str, Any]
    study: dict[str, Any]
    study_text: str
    tables: dict[str, pd.DataFrame]

    def __getitem__(self, table: str) -> pd.DataFrame:
        """Return a table by name."""
        return self.tables[table]

    def of(self, table: str, **where: Any) -> pd.DataFrame:
        """Return the rows of a table whose columns hold these values."""
        rows = self.tables[table]
        for column, value in where.items():
            rows = rows[rows[column] == value] if len(rows) else rows
        return rows

    @cached_property
    def targets(self) -> Mapping[str, TargetDefinition]:
        """What is known of every target of the run, by name, in the order of the page."""
        known = read_definitions(self.study)
        fitted = set() if self.tables["results"].empty else set(self.tables["results"]["target"])
        return {name: known.get(name) or definition_of(name) for name in in_order([*known, *sorted(fitted)])}

    def target(self, name: object) -> TargetDefinition:
        """Return what is known of a target; of one that the run does not define, its name."""
        return self.targets.get(str(name)) or definition_of(str(name))

    @property
    def min_groups(self) -> int:
        """How many groups a class or a cell needed in this run."""
        named = self.study.get("min_groups")
        return named if isinstance(named, int) and not isinstance(named, bool) else MIN_GROUPS

    @property
    def has_verdicts(self) -> bool:
        """True where separation was judged, in columns that the report can show."""
        verdicts = self.tables["verdicts"]
        return len(verdicts) > 0 and set(VERDICTS) <= {*verdicts, *REASON_DATA}

    @property
    def models(self) -> dict[str, Any]:
        """Model -> its part of the summary, in the study's order."""
        # summary.json is sorted by key; the study file knows the order its author chose.
        named = [str(model.get("name")) for model in self.study.get("models", ())]
        by_name = self.summary["models"]
        return {name: by_name[name] for name in [*named, *by_name] if name in by_name}


def read_evidence(folder: Path) -> RunEvidence:
    """Read a finished run.

    Raises
    ------
    ReportError : no finished run, another schema, or a file that is damaged or cannot be read.
    """
    if not (folder / "summary.json").is_file():
        raise ReportError(f"{folder} holds no finished run (there is no summary.json); run its study first.")
    reader = RunReader.open(folder, error=ReportError)
    summary = reader.summary()
    version = summary.get("schema_version")
    if isinstance(version, bool) or version not in READABLE:
        raise ReportError(
            f"{folder / 'summary.json'} has schema_version {version!r}, this unsinter reads "
            f"{', '.join(map(str, READABLE))}; run the study again."
        )
    return gather_evidence(reader, summary)


def gather_evidence(reader: RunReader, summary: dict[str, Any]) -> RunEvidence:
    """Return the evidence of a run whose tables are written and whose summary is at hand.

    Raises
    ------
    ReportError : a file that is damaged or cannot be read.
    """
    folder = reader.folder
    tables = {name: _read_table(reader, name) for name in TABLES}
    if summary.get("schema_version") in WITHOUT_LATER_COLUMNS:
        for name, columns in (("results", RESULTS), ("verdicts", VERDICTS)):
            tables[name] = _with_later_columns(tables[name], columns)
    for name in ("transfer", "held_out"):
        tables[name] = with_target(tables[name])
    tables["results"] = _with_a_control(tables["results"])
    if (unknown := unknown_verdict(tables["verdicts"])) is not None:
        raise ReportError(f"{folder / 'verdicts.parquet'} {unknown}")
    return RunEvidence(
        folder=folder, summary=summary, study=reader.study(), study_text=reader.study_text(), tables=tables
    )


def _with_later_columns(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the table of an earlier version with the columns that came later, empty."""
    if table.empty:
        return table
    return table.reindex(columns=[*columns, *(name for name in table if name not in columns)])


def _with_a_control(results: pd.DataFrame) -> pd.DataFrame:
    """Let shuffled labels stand in where there is no control task; ``control_name`` says which."""
    if not {"control", "shuffled"} <= set(results):
        return results
    own = results["control"].notna()
    names = own.map({True: "control task", False: "shuffled labels"})
    spread = {name: results[name].where(own) for name in ("control_low", "control_high") if name in results}
    control = results["control"].where(own, results["shuffled"])
    return results.assign(control=control, control_name=names, **spread)


def _read_table(reader: RunReader, name: str) -> pd.DataFrame:
    table = reader.table(name)
    if table is None:
        return pd.DataFrame()
    missing = [column for column in RUN_TABLES[name].needed if column not in table]
    if missing:
        path = reader.folder / f"{name}.parquet"
        raise ReportError(f"{path} has no column {', '.join(missing)}; run the study again.")
    return table
