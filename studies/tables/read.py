"""Reads the files of a finished run: each as it was written, with names that can stand in a file's name."""

import io
import json
import logging
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from unsinter.cache.errors import one_line
from unsinter.cache.inventory import DamagedFileError, Inventory
from unsinter.cache.location import expand_home, read_regular
from unsinter.features.records.arrow_process import check_parquet_file
from unsinter.studies.study.sections import FILE_NAME
from unsinter.studies.study.unique_keys import LONGEST_RESOLVED, load_yaml
from unsinter.studies.tables.run_tables import RUN_TABLES
from unsinter.studies.tables.shapes import fault_of_study, fault_of_summary, fault_of_table
from unsinter.studies.tables.verdict_columns import NOT_TESTED

logger = logging.getLogger(__name__)

SEALED_FROM = 4
"""The first schema version whose runs end with an inventory; without one such a run is unfinished."""

_CHECKED_FROM = 2

AGAIN = "run the study again, which makes it anew from what is sound"

NAMES = ("model", "from_model", "to_model", "target", "pair", "kind", "family", "position")
"""Columns whose values become parts of file names."""

_LONGEST_NAME = 200
_LARGE, _RATIO = 256_000_000, 1_000
"""Bytes that any table may unpack to, and how many times its size a larger one."""


@cache
def say_unsealed(run: Path) -> None:
    """Say, once per run, that its files cannot be checked."""
    logger.warning(
        "%s carries no digests (an earlier version wrote it), so its files cannot be checked for damage.", run
    )


def read_table(data: bytes, path: Path | None = None) -> pd.DataFrame:
    """Return the table of a Parquet file, its ``data``, or raise whatever its readers raise.

    A digest says that a file is as it was sealed, not who sealed it, and a damaged file may end the library
    that reads it. The file at ``path`` is therefore gone through in another process first; None is for a file
    that this process has written itself.
    """
    if path is not None:
        check_parquet_file(path, most=max(_LARGE, _RATIO * len(data)))
    return pd.read_parquet(io.BytesIO(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReader:
    """A run's files; whatever is not as it was written ends in one sentence of the class ``error``."""

    folder: Path
    inventory: Inventory | None
    error: type[ValueError]

    @classmethod
    def open(cls, run: Path, *, error: type[ValueError]) -> "RunReader":
        """Return the reader of a finished run; one without digests is read, and that is said.

        Raises
        ------
        error : the inventory is damaged, or one of these versions and not there.
        """
        try:
            inventory = Inventory.read(run)
        except DamagedFileError as fault:
            raise error(f"{fault}; run the study again, which writes it anew.") from fault
        reader = cls(folder=run, inventory=inventory, error=error)
        if inventory is None:
            if is_sealed_version(reader.summary().get("schema_version")):
                raise error(f"{run} holds an unfinished run (no inventory); run the study again, it goes on.")
            say_unsealed(run)
        return reader

    def holds(self, name: str) -> bool:
        """Whether the run wrote a file of this name."""
        is_listed = self.inventory is not None and name in self.inventory.files
        return is_listed or (self.folder / name).is_file()

    def read(self, name: str) -> bytes:
        """Return a file's bytes, as they were written."""
        try:
            if self.inventory is not None:
                return self.inventory.read_bytes(name)
            return read_regular(self.folder / name)
        except DamagedFileError as fault:
            raise self.error(f"{fault}; {AGAIN}.") from fault
        except OSError as fault:
            raise self.error(f"{self.folder / name} cannot be read ({fault.strerror}); {AGAIN}.") from fault

    def check(self, name: str) -> None:
        """Compare a file that another reader opens with what was written."""
        if self.inventory is not None and (why := self.inventory.refusal(name)) is not None:
            raise self.error(f"{self.folder / name} {why}; {AGAIN}.")

    def summary(self) -> dict[str, Any]:
        """Return what summary.json holds."""
        path = self.folder / "summary.json"
        try:
            summary = json.loads(self.read(path.name))
        except (ValueError, RecursionError) as fault:
            if isinstance(fault, self.error):
                raise
            raise self.error(f"{path} is damaged ({one_line(fault)}); {AGAIN}.") from fault
        if not isinstance(summary, dict):
            raise self.error(f"{path} is damaged (it holds no object); {AGAIN}.")
        models = summary.get("models", {})
        self._check_names(path, "models", models if isinstance(models, dict) else [models])
        # Of another version the version is what is wrong, and whoever reads it says so.
        is_known = is_known_version(summary.get("schema_version"))
        if is_known and (wrong := fault_of_summary(summary)) is not None:
            raise self.error(f"{path}, {wrong}; {AGAIN}.")
        return summary

    def study_text(self) -> str:
        """Return study.yaml as it stands."""
        try:
            return self.read("study.yaml").decode()
        except UnicodeDecodeError as fault:
            raise self.error(f"{self.folder / 'study.yaml'} cannot be read ({fault}); {AGAIN}.") from fault

    def study(self) -> dict[str, Any]:
        """Return the study as it was run."""
        path = self.folder / "study.yaml"
        try:
            study = load_yaml(self.study_text(), longest=LONGEST_RESOLVED)
        except yaml.YAMLError as fault:
            raise self.error(f"{path} cannot be read ({one_line(fault)}); {AGAIN}.") from fault
        if not isinstance(study, dict):
            raise self.error(f"{path} is no study file; {AGAIN}.")
        if (wrong := fault_of_study(study)) is not None:
            raise self.error(f"{path}, {wrong}; {AGAIN}.")
        self._check_names(path, "models", [model["name"] for model in study.get("models", ())])
        return study

    def table(self, name: str, *, columns: Collection[str] = ()) -> pd.DataFrame | None:
        """Return ``name.parquet``; None where the run wrote none."""
        path = self.folder / f"{name}.parquet"
        if not self.holds(path.name):
            return None
        data = self.read(path.name)
        try:
            table = read_table(data, path)
        except Exception as fault:  # the readers of a file that is no table raise every kind
            raise self.error(f"{path} cannot be read ({one_line(fault)}); {AGAIN}.") from fault
        if name == "verdicts" and "used" not in table:
            table = table.assign(used=NOT_TESTED)  # of a run that is older than the column
        if missing := [column for column in columns if column not in table.columns]:
            raise self.error(
                f"{path} lacks the column {missing[0]!r}; run the study again with this version."
            )
        for column in NAMES:
            if column in table.columns:
                self._check_names(path, column, table[column].dropna().unique())
        if name in RUN_TABLES and (wrong := fault_of_table(table, RUN_TABLES[name].columns)) is not None:
            raise self.error(f"{path}, {wrong}; {AGAIN}.")
        return table

    def _check_names(self, path: Path, where: str, names: Iterable[object]) -> None:
        if (bad := unfit_name(names)) is not None:
            raise self.error(
                f"{path}, {where}: {str(bad)[:80]!a} cannot be part of a file's name (letters, digits, dots, "
                "dashes and underscores can); this run was not written by unsinter, leave it alone."
            )


def is_known_version(version: object) -> bool:
    """Whether summaries of a schema version are read here, their fields checked by type."""
    return isinstance(version, int) and _CHECKED_FROM <= version <= SEALED_FROM


def is_sealed_version(version: object) -> bool:
    """Whether runs of a schema version end with an inventory."""
    return isinstance(version, int) and not isinstance(version, bool) and version >= SEALED_FROM


def unfit_name(names: Iterable[object]) -> object | None:
    """Return the first name that must not become part of a file's name; None where all may."""
    for name in names:
        # Rows of readers without a site, such as the words, have an empty position.
        if name == "":
            continue
        is_short = isinstance(name, str) and len(name) <= _LONGEST_NAME
        if not is_short or re.fullmatch(FILE_NAME.strip("^$"), str(name)) is None:
            return name
    return None


def open_run(run: Path, *, error: type[ValueError]) -> RunReader:
    """Return the reader of a run folder.

    Raises
    ------
    error : no run, or an unfinished one.
    """
    run = expand_home(run)
    if not run.is_dir() or not (run / "study.yaml").is_file():
        raise error(f"{run} is no run folder (it holds no study.yaml); name one that `unsinter run` wrote.")
    if not (run / "summary.json").is_file():
        raise error(f"{run} holds an unfinished run (no summary.json); run the study again, it goes on.")
    return RunReader.open(run, error=error)
