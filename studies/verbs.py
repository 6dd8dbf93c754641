"""What the verbs of the command line do: paths in, tables out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from unsinter.cache import default_root
from unsinter.studies.config import StudyError, load_study
from unsinter.studies.model_study import Settings
from unsinter.studies.run import run_study
from unsinter.studies.summary_tables import summary_tables

Table: TypeAlias = tuple[str, Sequence[str], Sequence[Sequence[object]]]
"""(title, header, rows)."""

Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """Where a run went and what to show of it."""

    folder: Path
    tables: Sequence[Table]


def demo_study_file() -> Path:
    """Return the embedded study file."""
    return Path(str(resources.files("unsinter.studies") / "demo.yaml"))


def run_verb(
    study_file: Path | None,
    *,
    demo: bool,
    out: Path | None,
    overrides: Sequence[str],
    n_jobs: int,
    progress: Progress,
) -> RunOutcome:
    """Run a study file, or the embedded study."""
    if demo == (study_file is not None):
        raise StudyError("name a study file or give --demo, one of the two.")
    study = load_study(study_file or demo_study_file(), overrides=overrides)
    folder = out or Path("runs") / study.name
    settings = Settings(folder=folder, cache_root=default_root(), n_jobs=n_jobs, progress=progress)
    summary = run_study(study, settings)
    return RunOutcome(folder=folder, tables=summary_tables(summary))
