"""The folder a run writes: every file is whole or absent."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from unsinter.cache.appending import append_line
from unsinter.cache.refusals import naming
from unsinter.studies.store.earlier import (
    is_being_set_aside,
    is_unstarted,
    set_aside,
    sweep_unfinished,
)
from unsinter.studies.study.file import Study, StudyError
from unsinter.studies.study.run_options import Progress

OUTPUTS = (
    "study.yaml",
    "summary.json",
    "report.html",
    *(
        f"{name}.parquet"
        for name in (
            "split",
            "results",
            "floors",
            "predictions",
            "trials",
            "transfer",
            "held_out",
            "cross_model",
            "verdicts",
            "across_categories",
        )
    ),
    "figures",
    "probes",
    "weights",
    "exports",
)
"""What a run leaves behind; generated answers, finished steps and the log are kept from run to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """One run's files."""

    path: Path
    study_text: str
    """The resolved study, as `study.yaml` holds it."""

    fingerprint: str = ""
    """Of the study and the files it reads; `summary.json` carries that of the run it ends."""

    times: dict[str, float] = field(default_factory=dict)
    """When each step in words began, for the log."""

    @classmethod
    def claim(cls, path: Path, study: Study, *, fingerprint: str = "") -> "RunFolder":
        """Return the folder after checking that it is free or holds a run of this study; writes nothing.

        Raises
        ------
        StudyError : the folder holds something else.
        """
        earlier = path / "study.yaml"
        if earlier.is_file():
            name = _study_in(earlier).get("name")
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
        """Return the summary of the finished run that this one would repeat; None where there is none."""
        summary = self._summary()
        if summary is None or summary.get("fingerprint") != self.fingerprint:
            return None
        return summary if (self.path / "report.html").is_file() else None

    def report_is_stale(self) -> bool:
        """Whether the study's words for the report are not those the report was written with."""
        return (self.path / "study.yaml").read_text(encoding="utf-8") != self.study_text

    def start(self, split: pd.DataFrame) -> None:
        """Make the folder with the study and its split; outputs of other settings are moved to `earlier/`."""
        study_file = self.path / "study.yaml"
        with naming(self.path, StudyError):
            if study_file.is_file() and (is_being_set_aside(self.path) or self._is_another_run(study_file)):
                self._set_aside()
            self.path.mkdir(parents=True, exist_ok=True)
            sweep_unfinished(self.path)
        self.write_study()
        self.write_table("split", split)

    def renew_report_words(self) -> None:
        """Write the study whose words for the report changed; the report is gone until it is written anew."""
        with naming(self.path / "report.html", StudyError):
            (self.path / "report.html").unlink(missing_ok=True)
        self.write_study()

    def write_study(self) -> None:
        """Write the resolved study."""
        self.write(self.path / "study.yaml", lambda file: file.write_text(self.study_text, encoding="utf-8"))

    def _is_another_run(self, study_file: Path) -> bool:
        ours = yaml.safe_load(self.study_text) | {"report": None}
        summary = self._summary()
        return _study_in(study_file) | {"report": None} != ours or (
            summary is not None and summary.get("fingerprint") != self.fingerprint
        )

    def _summary(self) -> dict[str, Any] | None:
        try:
            summary = json.loads((self.path / "summary.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return summary if isinstance(summary, dict) else None

    def _set_aside(self) -> None:
        if (aside := set_aside(self.path, OUTPUTS)) is not None:
            to = str(aside.relative_to(self.path))
            self.log("set aside", to=to, because="the study or its files changed")

    def write(self, target: Path, writer: Callable[[Path], object]) -> None:
        """Let ``writer`` fill a temporary file, then move it into place."""
        # A name of its own: two runs may write into one folder at once.
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        with naming(target, StudyError):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                writer(part)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write ``name.parquet``."""
        self.write(self.path / f"{name}.parquet", lambda file: table.to_parquet(file, index=False))

    def log(self, event: str, **facts: Any) -> None:
        """Append one line to `log.jsonl`."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts}).encode()
        path = self.path / "log.jsonl"
        with naming(path, StudyError), path.open("ab+") as file:
            append_line(file, line)

    def timed(self, progress: Progress) -> Progress:
        """Return ``progress`` that also logs when a step in words begins and ends."""

        def report(step: str, done: int, total: int) -> None:
            progress(step, done, total)
            if not (self.path / "study.yaml").is_file():
                return  # nothing is written before a model has been read without complaint
            if step not in self.times:
                self.times[step] = time.monotonic()
                self.log("step", step=step, total=total)
            if done >= total:
                self.log("step done", step=step, seconds=round(time.monotonic() - self.times[step], 2))

        return report


def _study_in(study_file: Path) -> dict[str, Any]:
    """Return an earlier run's study; StudyError where it is none."""
    try:
        table = yaml.safe_load(study_file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        table = None
    if not isinstance(table, dict):
        raise StudyError(f"{study_file} is no study file, so this is no run; name another folder with --out.")
    return table
