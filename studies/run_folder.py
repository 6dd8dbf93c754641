"""The folder a run writes: every file is whole or absent."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from unsinter.studies.config import Study, StudyError
from unsinter.studies.export import export_probe
from unsinter.studies.model_study import ModelOutcome
from unsinter.studies.plots import layer_curves, save_figure, transfer_maps

OUTPUTS = (
    "study.yaml",
    "summary.json",
    *(f"{name}.parquet" for name in ("split", "results", "floors", "predictions", "transfer")),
    "figures",
    "probes",
)
"""What a run leaves behind; generated answers and the log are kept from run to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """One run's files."""

    path: Path
    study_text: str
    """The resolved study, as `study.yaml` holds it."""

    @classmethod
    def claim(cls, path: Path, study: Study) -> "RunFolder":
        """Return the folder after checking that it is free or holds a run of this study; writes nothing.

        Raises
        ------
        StudyError : the folder holds something else.
        """
        earlier = path / "study.yaml"
        if earlier.is_file():
            name = _name_in(earlier)
            if name != study.name:
                raise StudyError(
                    f"{path} holds the run of study {name!r}, not {study.name!r}; name another with --out."
                )
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise StudyError(f"{path} is not empty and holds no run; name another folder with --out.")
        table = json.loads(study.model_dump_json())
        return cls(path=path, study_text=yaml.safe_dump(table, sort_keys=False, allow_unicode=True))

    def start(self, split: pd.DataFrame) -> None:
        """Make the folder with the study and its split; outputs of other settings are moved to `earlier/`."""
        study_file = self.path / "study.yaml"
        if study_file.is_file() and study_file.read_text(encoding="utf-8") != self.study_text:
            self._set_aside()
        self.write(study_file, lambda file: file.write_text(self.study_text, encoding="utf-8"))
        self.write_table("split", split)

    def _set_aside(self) -> None:
        number = 1
        while (aside := self.path / "earlier" / str(number)).exists():
            number += 1
        aside.mkdir(parents=True)
        # The summary goes first: where it stands, the outputs beside it belong together.
        for name in sorted(OUTPUTS, key=lambda name: name != "summary.json"):
            if (self.path / name).exists():
                (self.path / name).rename(aside / name)
        self.log("set aside", to=str(aside.relative_to(self.path)), because="the study's settings changed")

    def write(self, target: Path, writer: Callable[[Path], object]) -> None:
        """Let ``writer`` fill a temporary file, then move it into place."""
        target.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: two runs may write into one folder at once.
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            writer(part)
            part.replace(target)
        except OSError as error:
            reason = " ".join(str(error).split())
            raise StudyError(f"{target} cannot be written ({reason}); make room and run again.") from error
        finally:
            part.unlink(missing_ok=True)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write ``name.parquet``."""
        self.write(self.path / f"{name}.parquet", lambda file: table.to_parquet(file, index=False))

    def log(self, event: str, **facts: Any) -> None:
        """Append one line to `log.jsonl`."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts})
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def write_outcomes(self, outcomes: Sequence[ModelOutcome], summary: dict[str, Any]) -> None:
        """Write figures and probes, and last the summary: where it stands, the run is complete."""
        fitted = [outcome for outcome in outcomes if outcome.results]
        for name, part in [*((f"-{outcome.name}", [outcome]) for outcome in fitted), ("", fitted)]:
            if part:
                results = pd.concat([table for outcome in part for table in outcome.results])
                floors = pd.concat([table for outcome in part for table in outcome.floors])
                save_figure(layer_curves(results, floors), self.path / "figures", f"layers{name}")
        for outcome in outcomes:
            if outcome.transfer is not None:
                save_figure(
                    transfer_maps(outcome.transfer), self.path / "figures", f"transfer-{outcome.name}"
                )
            for probe in outcome.probes:
                export_probe(self.path / "probes", probe, outcome, summary)
        text = json.dumps(summary, indent=1, sort_keys=True)
        self.write(self.path / "summary.json", lambda file: file.write_text(text + "\n", encoding="utf-8"))


def _name_in(study_file: Path) -> object:
    """Return the name in an earlier run's study file; StudyError where it is none."""
    try:
        table = yaml.safe_load(study_file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        table = None
    if not isinstance(table, dict):
        raise StudyError(f"{study_file} is no study file, so this is no run; name another folder with --out.")
    return table.get("name")
