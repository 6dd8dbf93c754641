"""What `run`, `extract` and `doctor` do: paths in, tables out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from unsinter.cache import default_root
from unsinter.cache.location import expand_home
from unsinter.features.model.model import load_model
from unsinter.studies.activations.model_reading import extract_into_cache, extraction_facts, render_prompts
from unsinter.studies.cli.commands.forecast import forecast_study
from unsinter.studies.cli.tables.summary import summary_tables
from unsinter.studies.data.load import find_model, read_study_prompts
from unsinter.studies.machine.doctor import examine_machine, examine_model, memory_needed
from unsinter.studies.report.answer_lines import answer_lines
from unsinter.studies.report.run_data import read_evidence
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.run_options import Progress, Settings
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.tables.columns import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """Where a run went, what to show of it, and which figures could not be drawn and why."""

    folder: Path
    answer: Sequence[str]
    tables: Sequence[Table]
    not_drawn: Mapping[str, str]


def demo_study_file() -> Path:
    """Return the embedded study file."""
    return Path(str(resources.files("unsinter.studies") / "demo.yaml"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What `unsinter run` was given."""

    study_file: Path | None
    demo: bool = False
    out: Path | None = None
    overrides: Sequence[str] = ()
    n_jobs: int = 1
    storage: str | None = None


def run_verb(request: RunRequest, *, progress: Progress) -> RunOutcome:
    """Run a study file, or the embedded study."""
    if request.demo == (request.study_file is not None):
        raise StudyError("name a study file or give --demo, one of the two.")
    if request.n_jobs < 1 and request.n_jobs != -1:
        raise StudyError(
            f"--jobs takes a number of workers from 1, or -1 for all cores; got {request.n_jobs}."
        )
    study = load_study(request.study_file or demo_study_file(), overrides=request.overrides)
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
        progress=progress,
    )
    summary = run_study(study, settings)
    return RunOutcome(
        folder=folder,
        answer=_answer(folder, summary),
        tables=summary_tables(summary),
        not_drawn=summary.get("not_drawn") or {},
    )


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
    return [str(line) for line in answer_lines(read_evidence(folder))] if lines is None else lines


def extract_verb(study_file: Path, *, overrides: Sequence[str], progress: Progress) -> list[Table]:
    """Fill the cache with the activations of a study's prompts, model by model."""
    study = load_study(study_file, overrides=overrides)
    prompts = read_study_prompts(study.prompts, seed=study.seed)
    # No run folder yet: the study file itself is what needs these activations.
    settings = Settings(folder=study_file, cache_root=default_root(), progress=progress)
    rows = []
    for source in study.models:
        model = load_model(find_model(source), dtype=source.dtype)
        rendered = render_prompts([(p.id, p.prompt) for p in prompts], model, source)
        extraction = extract_into_cache(study, source, model, rendered, settings)
        rows.append((source.name, *_extraction_row(extraction_facts(model, extraction))))
    header = (
        "model",
        "layers",
        "positions",
        "rows computed",
        "from cache",
        "dropped",
        "tokens/s",
        "deviation",
    )
    return [(f"{study.name}: activations in {settings.cache_root}", header, rows)]


def _extraction_row(facts: dict[str, Any]) -> tuple[str, ...]:
    deviation = facts["batch_deviation"]
    return (
        str(len(facts["layers"])),
        ", ".join(facts["positions"]),
        f"{facts['rows_computed']:,}",
        f"{facts['rows_from_cache']:,}",
        str(len(facts["dropped"])),
        f"{facts['tokens'] / facts['seconds']:,.0f}" if facts["rows_computed"] else "-",
        "-" if deviation is None else f"{deviation['max_relative']:.1e}",
    )


def doctor_verb(
    model: str | None, *, dtype: str, study_file: Path | None = None
) -> tuple[list[Table], list[str]]:
    """Examine the machine, and a model or study where one is named; return tables and problems in words."""
    findings = examine_machine(default_root())
    tables: list[Table] = [("this machine", ("what", "state"), [(f.subject, f.state) for f in findings])]
    problems = [f"{f.subject}: {f.state}" for f in findings if f.is_problem]
    if study_file is not None:
        tables += forecast_study(study_file)
    if model is None:
        return tables, problems
    folder = find_model(ModelSource(name="model", path=model))
    memory = memory_needed(folder, dtype=dtype)
    tables.append(("memory", ("what", "state"), [(f.subject, f.state) for f in memory]))
    if too_large := [f"{f.subject}: {f.state}; it was not loaded" for f in memory if f.is_problem]:
        return tables, problems + too_large
    return tables + examine_model(folder, dtype=dtype), problems
