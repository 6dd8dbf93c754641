"""A kill at any file event of a verb that writes from a finished run: the next call of it ends whole."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from kill_at_events import killed_at
from matplotlib.figure import Figure

from unsinter.cache.inventory import Inventory, files_below
from unsinter.probes.files.export import load_probe
from unsinter.studies.cli.commands import separate, transfer
from unsinter.studies.cli.commands.export import ExportRequest, export_verb
from unsinter.studies.cli.commands.report import report_verb
from unsinter.studies.report import write
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.report.write import Page
from unsinter.studies.run.run import run_study
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.study.file import Study, load_study
from unsinter.studies.study.run_options import Settings

FORMATS = "safetensors,onnx"
THEIRS = ("notes.txt", ".mine.tmp", ".mine.1.part", ".figure.svg.host-1-ab.tmp.txt")
"""Files of the user's beside ours."""

Call = Callable[[Path], object]


def export(run: Path, *, out: Path | None = None, formats: str = FORMATS) -> None:
    """`unsinter export RUN --target D --format ...`."""
    export_verb(
        ExportRequest(run=run, target="D", layer=2, position="template_end", formats=formats, out=out)
    )


CALLS: Mapping[str, Call] = {
    "export": export,
    "export elsewhere": lambda run: export(run, out=run.parent / "out", formats="safetensors"),
    "transfer": lambda run: transfer.transfer_verb(run, kind=None, out=None, order="clustered"),
    "transfer elsewhere": lambda run: transfer.transfer_verb(
        run, kind="category", out=run.parent / "out", order="given"
    ),
    "separate": lambda run: separate.separate_verb(
        run, pair="D-R", model="detached", contrasts=True, out=None
    ),
    "separate elsewhere": lambda run: separate.separate_verb(
        run, pair="D-R", model="detached", contrasts=False, out=run.parent / "out"
    ),
    "report": report_verb,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, few_prompts, verdicts) -> tuple[Path, Study, str]:
    """A sealed run with weights, transfer and verdicts, its study, and its fingerprint."""
    folder = tmp_path_factory.mktemp("finished")
    prompts = "".join(json.dumps(prompt) + "\n" for prompt in few_prompts[:300])
    (folder / "prompts.jsonl").write_text(prompts, encoding="utf-8")
    table = {
        "name": "small", "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}],
        "prompts": {"path": ["prompts.jsonl"]}, "targets": ["D"], "positions": ["template_end"],
        "layers": [2], "penalties": [0.01], "bootstrap_draws": 100, "min_groups": 5, "inner_folds": 2,
        "controls": {"permutations": 100, "random_model": False, "layer0_mean": False, "code_length": False},
        "separation": {"pairs": []}, "transfer": ["category"],
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(table), encoding="utf-8")
    study, run = load_study(folder / "study.yaml"), folder / "run"
    run_study(study, Settings(folder=run, cache_root=folder / "cache"))
    verdicts.to_parquet(run / "verdicts.parquet", index=False)
    (run / "figures" / "verdicts-detached.svg").write_text("a figure that the run drew", encoding="utf-8")
    inventory = Inventory.read(run)
    assert inventory is not None
    Inventory.of(run, files_below(run), about=inventory.about).write()
    return run, study, inventory.about["fingerprint"]


@pytest.fixture
def drawn_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures and page as small as they can be: what is tested is how they are written."""

    def draw(*_: object, **__: object) -> Figure:
        figure = Figure(figsize=(0.2, 0.2))
        figure.add_axes((0, 0, 1, 1)).set_axis_off()
        return figure

    monkeypatch.setattr(transfer, "transfer_maps", draw)
    monkeypatch.setattr(separate, "verdict_maps", draw)
    monkeypatch.setattr(separate, "evidence_curves", draw)
    monkeypatch.setattr(write, "make_page", lambda evidence: Page(text="<html>whole</html>\n", not_drawn={}))


def copy_of(run: Path, folder: Path) -> Path:
    """A copy of a run with files of the user's at every place where a verb writes."""
    copy = shutil.copytree(run, folder / "run")
    for place in (copy, copy / "figures", copy / "exports", folder / "out"):
        place.mkdir(exist_ok=True)
        for name in THEIRS:
            (place / name).write_text("mine", encoding="utf-8")
    return copy


def written(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but locks and the log, by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def kill_at(number: int, call: Call, finished: tuple[Path, Study, str], folder: Path) -> bool:
    """Kill a call at one event and call again; the run is readable between and finished after."""
    run, study, fingerprint = finished
    here = copy_of(run, folder)
    is_killed = killed_at(lambda: call(here), [folder], number)
    read_evidence(here)  # readable as it is
    assert RunFolder.claim(here, study, fingerprint=fingerprint).path == here
    assert not killed_at(lambda: call(here), [], 0)
    claimed = RunFolder.claim(here, study, fingerprint=fingerprint)
    assert claimed.finished_summary() is not None
    for probe in folder.rglob("exports/*/probe.safetensors"):
        load_probe(probe)
    return is_killed


def events_of(name: str, finished: tuple[Path, Study, str], folder: Path, *, step: int = 1) -> int:
    """Kill a verb at every step-th event until it is killed no more; return how many events there were.

    What is there after the next call is compared with what an unbroken call leaves.
    """
    whole = copy_of(finished[0], folder / "unbroken")
    assert not killed_at(lambda: CALLS[name](whole), [], 0)
    unbroken = written(folder / "unbroken")
    number, is_killed = 1, True
    while is_killed:
        is_killed = kill_at(number, CALLS[name], finished, folder / str(number))
        assert written(folder / str(number)) == unbroken, number
        shutil.rmtree(folder / str(number))
        number += step
    return number


QUICK = ["export elsewhere", "transfer elsewhere", "report"]
EVERY_VERB = [
    *(pytest.param(name, 2, id=f"{name}, every second") for name in QUICK),
    *(
        pytest.param(name, 4, id=f"{name}, every fourth", marks=pytest.mark.slow)
        for name in CALLS
        if name not in QUICK
    ),
    *(
        pytest.param(name, 1, id=name, marks=[pytest.mark.exhaustive, pytest.mark.timeout(1200)])
        for name in CALLS
    ),
]


@pytest.mark.usefixtures("drawn_small")
@pytest.mark.parametrize(("name", "step"), EVERY_VERB)
def test_a_verb_killed_at_file_events_is_done_by_the_next_call_and_the_run_stays_whole(
    finished, tmp_path, name, step
):
    assert events_of(name, finished, tmp_path, step=step) > 6
