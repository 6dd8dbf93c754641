"""What `unsinter export` does: a run folder and a site in, files out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unsinter.cache.location import expand_home
from unsinter.studies.export.export import check_formats, export_site
from unsinter.studies.export.probe_facts import ProbeChoice, ProbeFacts, read_facts
from unsinter.studies.store.additions import folder_inside
from unsinter.studies.store.site_weights import read_weights, weights_file
from unsinter.studies.study.file import StudyError
from unsinter.studies.tables.columns import Table
from unsinter.studies.tables.read import RunReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What `unsinter export` was given; layer and position name a site, without them the selected one."""

    run: Path
    target: str
    model: str | None = None
    layer: int | None = None
    position: str | None = None
    family: str | None = None
    tuned: bool = False
    formats: str = "safetensors"
    out: Path | None = None


def export_verb(request: ExportRequest) -> list[Table]:
    """Export one probe of a finished run; return what was written and how good the probe is."""
    wanted = [name.strip() for name in request.formats.split(",") if name.strip()]
    check_formats(wanted)
    run = expand_home(request.run)
    out = None if request.out is None else expand_home(request.out)
    facts = read_facts(
        run,
        ProbeChoice(
            target=request.target,
            model=request.model,
            layer=request.layer,
            position=request.position,
            family=request.family,
            is_tuned=request.tuned,
        ),
    )
    file = weights_file(run, model=facts.model, target=facts.target)
    RunReader.open(run, error=StudyError).check(file.relative_to(run).as_posix())
    weights = read_weights(
        file,
        layer=facts.layer,
        position=facts.position,
        tuned=facts.is_tuned,
        family=facts.family,
        about=facts.about,
    )
    files = export_site(out or folder_inside(run, "exports"), weights, facts, wanted)
    return [_files_table(facts, files), _measured_table(facts)]


def _files_table(facts: ProbeFacts, files: Sequence[Path]) -> Table:
    title = f"{facts.target} of {facts.model}, layer {facts.layer} at {facts.position}: {files[0].parent}"
    return title, ("file", "bytes"), [(path.name, f"{path.stat().st_size:,}") for path in files]


def _measured_table(facts: ProbeFacts) -> Table:
    shown = ("metric", "score", "score_low", "score_high", "floor", "floor_name", "control", "n_test")
    rows = [(name, _cell(facts.row[name])) for name in shown if facts.row.get(name) is not None]
    return "measured on held-out groups", ("what", "value"), rows


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
