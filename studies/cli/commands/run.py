"""What `run` does: a study file in, tables and the answer out.

What loads a model library is imported where it is needed: a finished run is shown without one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from unsinter.cache import default_root
from unsinter.cache.location import expand_home
from unsinter.studies.cli.tables.summary import summary_tables
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import Study, StudyError, load_study
from unsinter.studies.study.run_options import Progress, Settings
from unsinter.studies.tables.columns import Table
from unsinter.studies.workers.backend import HERE, Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """Where a run went, what to show of it, and which figures could not be drawn and why.

    Attributes
    ----------
    trials : where the trials of tuning are, and what shows them; empty without tuning.
    tracked : where a tracker keeps the run, in words; empty without one.
    """

    folder: Path
    answer: Sequence[str]
    tables: Sequence[Table]
    not_drawn: Mapping[str, str]
    trials: str = ""
    tracked: str = ""


def demo_study_file() -> Path:
    """Return the embedded study file of the planted models."""
    return Path(str(resources.files("unsinter.studies") / "demo.yaml"))


def real_study_file() -> Path:
    """Return the embedded study file of the bundled real model."""
    return Path(str(resources.files("unsinter.studies") / "smollm2.yaml"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What `unsinter run` was given."""

    study_file: Path | None
    demo: bool = False
    real: bool = False
    out: Path | None = None
    overrides: Sequence[str] = ()
    n_jobs: int = 1
    storage: str | None = None
    track: str | None = None
    runs_code: bool = False
    backend: Backend = HERE


def run_verb(request: RunRequest, *, progress: Progress) -> RunOutcome:
    """Run a study file, or one of the embedded studies."""
    if request.demo + request.real + (request.study_file is not None) != 1:
        raise StudyError("name a study file, or give --demo or --real, one of the three.")
    if request.n_jobs < 1 and request.n_jobs != -1:
        raise StudyError(
            f"--jobs takes a number of workers from 1, or -1 for all cores; got {request.n_jobs}."
        )
    if request.backend.name != "loky" and request.n_jobs != 1:
        raise StudyError(
            "--jobs counts processes of this machine, and a cluster uses all of its own: drop it."
        )
    embedded = real_study_file() if request.real else demo_study_file()
    study = load_study(request.study_file or embedded, overrides=request.overrides)
    folder = expand_home(request.out) if request.out else Path("runs") / study.name
    _check_can_be_folder(folder)
    if request.storage is not None:
        from unsinter.studies.probing.tuning.storage import check_storage_url

        check_storage_url(request.storage)
    settings = Settings(
        folder=folder,
        cache_root=default_root(),
        n_jobs=request.n_jobs,
        storage=request.storage,
        runs_code=request.runs_code,
        progress=progress,
    )
    with request.backend.working():
        summary, tracked = _run(study, settings, track=request.track)
    return RunOutcome(
        folder=folder,
        answer=_answer(folder, summary),
        tables=summary_tables(summary),
        not_drawn=summary.get("not_drawn") or {},
        trials=_trials(study, settings),
        tracked=tracked,
    )


def _trials(study: Study, settings: Settings) -> str:
    if not study.tuning.trials:
        return ""
    from unsinter.studies.probing.tuning.places import storage_line

    return storage_line(settings.storage, settings.folder)


def _run(study: Study, settings: Settings, *, track: str | None) -> tuple[dict[str, Any], str]:
    """Run the study; return its summary, and where a tracker keeps the run."""
    if track is None:
        return run_study(study, settings), ""
    from unsinter.studies.tracking.follow import following

    with following(track, settings.folder, study.model_dump(mode="json")) as follower:
        followed = replace(settings, progress=follower.progress(settings.progress))
        summary = run_study(study, followed)
    return summary, follower.place if follower.failure is None else ""


def _check_can_be_folder(folder: Path) -> None:
    """Raise StudyError for a run folder that cannot be made, before anything is computed for it."""
    for place in (folder, *folder.parents):
        try:
            place.lstat()
        except FileNotFoundError:
            continue
        except NotADirectoryError:
            continue  # said of the file above it
        except (OSError, ValueError) as error:
            raise StudyError(f"--out: {place} cannot be a folder ({error}); name another.") from error
        if not place.is_dir():
            raise StudyError(
                f"--out: {folder} cannot be made, because {place} is a file; name another folder."
            )
        return


def _answer(folder: Path, summary: Mapping[str, Any]) -> Sequence[str]:
    """Return the lines of a run's answer; of a run that was finished before summaries had them, made now."""
    lines: Sequence[str] | None = summary.get("answer")
    if lines is not None:
        return lines
    from unsinter.studies.report.answers.answer_lines import answer_lines
    from unsinter.studies.report.evidence.run_data import read_evidence

    return [str(line) for line in answer_lines(read_evidence(folder))]
