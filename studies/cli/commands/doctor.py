"""What `doctor` does: this machine, a model, a study in; what each has and needs out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unsinter.cache import default_root
from unsinter.studies.cli.commands.forecast import forecast_study
from unsinter.studies.data.model_paths import find_model
from unsinter.studies.machine.doctor import examine_machine, examine_model, memory_needed
from unsinter.studies.machine.loading import loading_problems, read_on
from unsinter.studies.machine.surroundings import examine_surroundings
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.model_source import ModelSource
from unsinter.studies.tables.columns import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What `doctor` has to show: tables, lines below them, and what is amiss in words."""

    tables: Sequence[Table]
    lines: Sequence[str]
    problems: Sequence[str]


def doctor_verb(
    model: str | None,
    *,
    dtype: str,
    study_file: Path | None = None,
    n_prompts: int | None = None,
    devices: str | None = None,
) -> Examination:
    """Examine the machine, and a model or study where one is named.

    Raises
    ------
    StudyError : ``n_prompts`` or ``devices`` stand without a study, or mean nothing.
    """
    for option, value in (("--prompts", n_prompts), ("--devices", devices)):
        if value is not None and study_file is None:
            raise StudyError(f"{option} {value} says how large a study is; name it with --study STUDY.yaml.")
    findings = examine_machine(default_root())
    tables: list[Table] = [("this machine", ("what", "state"), [(f.subject, f.state) for f in findings])]
    lines: list[str] = []
    problems = [f"{f.subject}: {f.state}" for f in findings if f.is_problem]
    if study_file is not None:
        tables += forecast_study(study_file, n_prompts=n_prompts, devices=devices)
        study = load_study(study_file)
        rows = [(source.name, read_on(source)) for source in study.models if source.activations is None]
        tables.append((f"{study.name}: what its models are read on", ("model", "read on"), rows))
        problems += loading_problems(study.models)
        examined = [examine_surroundings(study.name, source, study.positions) for source in study.models]
        for around in filter(None, examined):
            tables.append(around.table)
            lines += ["", *around.lines] if around.lines else []
            problems += around.problems
    if model is None:
        return Examination(tables=tables, lines=lines, problems=problems)
    folder = find_model(ModelSource(name="model", path=model))
    memory = memory_needed(folder, dtype=dtype)
    place = ("read on", read_on(ModelSource(name="model", path=model)))
    tables.append(("memory", ("what", "state"), [place, *((f.subject, f.state) for f in memory)]))
    if too_large := [f"{f.subject}: {f.state}; it was not loaded" for f in memory if f.is_problem]:
        return Examination(tables=tables, lines=lines, problems=problems + too_large)
    about, own = examine_model(folder, dtype=dtype)
    return Examination(tables=tables + about, lines=[*own, *lines], problems=problems)
