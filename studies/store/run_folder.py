"""The folder a run writes: every file is whole or absent."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from unsinter.cache.appending import append_line
from unsinter.cache.atomic import fill_atomically, make_folder, sweep
from unsinter.cache.errors import naming
from unsinter.cache.inventory import INVENTORY, FileEntry, Inventory, files_below
from unsinter.cache.json_text import JsonTextError, read_json
from unsinter.cache.location import read_regular
from unsinter.studies.store.damage import DAMAGED, GROWING, STEPS, amiss, mend_run
from unsinter.studies.store.earlier import is_being_set_aside, is_unstarted, set_aside, sweep_unfinished
from unsinter.studies.store.ownership import alone, holds_study, owner_of, sound_inventory, study_in
from unsinter.studies.study.file import Study, StudyError
from unsinter.studies.tables.read import RunReader, is_sealed_version, say_unsealed
from unsinter.studies.tables.run_tables import RUN_TABLES

EXPLORER = "explorer.html"
"""What `unsinter view` writes into a run: a page of its user's, who may remove it."""

OUTPUTS = (
    "study.yaml",
    "summary.json",
    "report.html",
    *(f"{name}.parquet" for name in RUN_TABLES),
    "figures",
    "probes",
    "weights",
    "exports",
    "shown",
    EXPLORER,
    INVENTORY,
)
"""What a run leaves behind; generated answers, finished steps and the log are kept from run to run."""

_LONGEST_SUMMARY = 1 << 28
"""Bytes of a summary; more of one are never read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """One run's files."""

    path: Path
    study_text: str
    """The resolved study, as `study.yaml` holds it."""

    fingerprint: str = ""
    """Of the study and the files it reads; `summary.json` carries that of the run it ends."""

    @classmethod
    def claim(cls, path: Path, study: Study, *, fingerprint: str = "") -> "RunFolder":
        """Return the folder after checking that it is free or holds a run of this study; writes nothing.

        Raises
        ------
        StudyError : the folder holds something else.
        """
        if (name := owner_of(path)) is not None:
            if name != study.name:
                raise StudyError(
                    f"{path} holds the run of study {name!r}, not {study.name!r}; name another with --out."
                )
        elif path.exists() and (not path.is_dir() or not is_unstarted(path)):
            raise StudyError(f"{path} is not empty and holds no run; name another folder with --out.")
        table = json.loads(study.model_dump_json())
        text = yaml.safe_dump(table, sort_keys=False, allow_unicode=True)
        return cls(path=path, study_text=text, fingerprint=fingerprint)

    def finished_summary(self) -> dict[str, Any] | None:
        """Return the summary of the finished run that this one would repeat; None where there is none.

        A run is finished where every file is as it was written and every figure was drawn; one of a version
        without digests, where its report stands, and that it cannot be checked is said.
        """
        summary = self._summary()
        if summary is None or summary.get("fingerprint") != self.fingerprint or summary.get("not_drawn"):
            return None
        if not is_sealed_version(summary.get("schema_version")) and not (self.path / INVENTORY).exists():
            say_unsealed(self.path)
            return summary if (self.path / "report.html").is_file() else None
        inventory = sound_inventory(self.path)
        return None if inventory is None or amiss(inventory) else summary

    def report_is_stale(self) -> bool:
        """Whether the study's words for the report are not those the report was written with."""
        return read_regular(self.path / "study.yaml") != self.study_text.encode()

    def start(self, split: pd.DataFrame) -> None:
        """Make the folder with the study and its split; outputs of other settings are moved to `earlier/`.

        What is damaged is named and moved to `damaged/` first.
        """
        with alone(self.path):
            self._start(split)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Keep other processes from starting or ending a run here for the block, which writes the outputs.

        Raises
        ------
        StudyError : a run with other settings has started here meanwhile; its files stay as they are.
        """
        with alone(self.path):
            if not holds_study(self.path, self.study_text):
                raise StudyError(
                    f"{self.path} was taken meanwhile by a run with other settings, and nothing is written "
                    "over it; run one of the two with another --out."
                )
            yield

    def _start(self, split: pd.DataFrame) -> None:
        study_file = self.path / "study.yaml"
        with naming(self.path, StudyError):
            if is_being_set_aside(self.path):
                self._set_aside()
            inventory = mend_run(self.path)
            is_other = self._is_another_run(study_file, inventory)
            if not study_file.is_file():
                self.write_study()  # a folder without study and inventory would be nobody's run
            if is_other:
                self._set_aside()
            # Without it the run is unfinished, whatever else stands there.
            (self.path / INVENTORY).unlink(missing_ok=True)
            sweep_unfinished(self.path)
        self.write_study()
        self.write_table("split", split)

    def write_study(self) -> None:
        """Write the resolved study."""
        self.write(self.path / "study.yaml", lambda file: file.write_text(self.study_text, encoding="utf-8"))

    def rewrite_report(self, write: Callable[[RunReader], Mapping[str, str]]) -> Mapping[str, str]:
        """Write study and report of a finished run anew, from its sound files; return what was not drawn."""
        inventory = sound_inventory(self.path)
        with naming(self.path / "report.html", StudyError):
            for name in (INVENTORY, "report.html"):  # a run without them is taken up where it is killed here
                (self.path / name).unlink(missing_ok=True)
        self.write_study()
        if inventory is not None:
            own = {"study.yaml": FileEntry.of(self.path / "study.yaml")}
            inventory = replace(inventory, files={**inventory.files, **own})
        not_drawn = write(RunReader(folder=self.path, inventory=inventory, error=StudyError))
        if inventory is not None:  # of a run without digests nothing was checked, so nothing is sealed
            self.seal()
        return not_drawn

    def seal(self) -> None:
        """Name every file of the finished run with its digest, in one inventory; the run's last act.

        Files of a step are listed as they were when the step was made.
        """
        files: dict[str, FileEntry] = {}
        for name in files_below(self.path, skip=("earlier", "exports", "shown", EXPLORER, DAMAGED)):
            files[name] = FileEntry.of(self.path / name, grows=name.startswith(GROWING))
        for step in sorted(self.path.glob(f"{STEPS}/*/{INVENTORY}")):
            place = step.parent.relative_to(self.path).as_posix()
            files[f"{place}/{INVENTORY}"] = FileEntry.of(step)
            own = sound_inventory(step.parent)
            files |= {f"{place}/{name}": entry for name, entry in (own.files if own else {}).items()}
        about = {"study": str(yaml.safe_load(self.study_text)["name"]), "fingerprint": self.fingerprint}
        with naming(self.path / INVENTORY, StudyError):
            Inventory(folder=self.path, files=files, about=about).write()

    def _is_another_run(self, study_file: Path, inventory: Inventory | None) -> bool:
        summary = self._summary()
        if summary is not None and summary.get("fingerprint") != self.fingerprint:
            return True
        if inventory is not None and inventory.about.get("fingerprint") != self.fingerprint:
            return True
        if not study_file.is_file():
            return False
        ours = yaml.safe_load(self.study_text) | {"report": None}
        return study_in(study_file) | {"report": None} != ours

    def _summary(self) -> dict[str, Any] | None:
        try:
            summary = read_json(self.path / "summary.json", most_bytes=_LONGEST_SUMMARY)
        except (OSError, JsonTextError):
            return None
        return summary if isinstance(summary, dict) else None

    def _set_aside(self) -> None:
        if (aside := set_aside(self.path, OUTPUTS)) is not None:
            to = str(aside.relative_to(self.path))
            self.log("set aside", to=to, because="the study or its files changed")

    def write(self, target: Path, writer: Callable[[Path], object]) -> None:
        """Let ``writer`` fill a temporary file, then move it into place, flushed to the disk."""
        with naming(target, StudyError):
            make_folder(target.parent)
            sweep(target)
            fill_atomically(target, writer)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write ``name.parquet``."""
        self.write(self.path / f"{name}.parquet", lambda file: table.to_parquet(file, index=False))

    def log(self, event: str, **facts: Any) -> None:
        """Append one line to `log.jsonl`."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts}).encode()
        path = self.path / "log.jsonl"
        with naming(path, StudyError), path.open("ab+") as file:
            append_line(file, line)
