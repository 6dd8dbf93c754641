"""A run folder is as safe as the cache: what is damaged is named, never read, and made anew."""

import json
import re
import shutil

import pandas as pd
import pytest
import yaml

from unsinter.cache.inventory import INVENTORY, Inventory, files_below
from unsinter.studies.cli.commands.run import RunRequest, run_verb
from unsinter.studies.cli.commands.transfer import TransferError, transfer_verb
from unsinter.studies.export.probe_facts import ProbeChoice, read_facts
from unsinter.studies.report import ReportError, write_report
from unsinter.studies.run import outputs as run_outputs
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.run_options import Settings, silent
from unsinter.studies.tables.read import say_unsealed

pytestmark = pytest.mark.slow

TABLES = ("results", "floors", "predictions", "split", "transfer")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, few_prompts):
    """A real run with generated answers: (run folder, study file, cache)."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "prompts.jsonl").write_text(
        "".join(json.dumps(p) + "\n" for p in few_prompts), encoding="utf-8"
    )
    study = {
        "name": "small", "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}],
        "prompts": {"path": ["prompts.jsonl"]}, "targets": ["D", "R"], "responses": {"max_new_tokens": 8},
        "positions": ["template_end"], "layers": [0, 2], "penalties": [0.01], "bootstrap_draws": 100,
        "controls": {"permutations": 100, "random_model": False, "layer0_mean": False, "code_length": False},
        "min_groups": 10, "separation": {"pairs": []}, "transfer": ["category"],
    }  # fmt: skip
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    cache = tmp_path_factory.mktemp("cache")
    run_study(load_study(path), Settings(folder=folder / "run", cache_root=cache))
    return folder / "run", path, cache


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished[0], tmp_path / "run")


def flip(path, *, bit=None):
    data = bytearray(path.read_bytes())
    place = 4 * len(data) if bit is None else bit
    data[place // 8] ^= 1 << place % 8
    path.write_bytes(data)


def test_the_inventory_names_every_file_of_a_run(run):
    inventory = Inventory.read(run)
    assert set(inventory.files) == set(files_below(run)) | {
        path.relative_to(run).as_posix() for path in run.rglob(f"steps/*/{INVENTORY}")
    }
    assert inventory.refusals() == {}
    assert {name.partition("/")[0] for name in inventory.files} >= {
        *(f"{name}.parquet" for name in TABLES), "summary.json", "study.yaml", "report.html", "steps",
        "responses", "figures", "weights", "probes", "log.jsonl",
    }  # fmt: skip


def test_a_flipped_bit_in_any_file_is_noticed_by_whoever_reads_it(run):
    export = {"target": "D", "layer": 2, "position": "template_end"}
    readers = {
        "report": (ReportError, lambda: write_report(run)),
        "transfer": (
            TransferError,
            lambda: transfer_verb(run, kind=None, out=run.parent / "x", order="given"),
        ),
        "export": (StudyError, lambda: read_facts(run, ProbeChoice(**export))),
        "study": (StudyError, lambda: load_study(run / "study.yaml")),
    }
    read_by = {
        "results.parquet": ("report", "export"), "transfer.parquet": ("report", "transfer"),
        "floors.parquet": ("report",), "predictions.parquet": ("report",), "split.parquet": ("report",),
        "summary.json": ("report", "export"), "study.yaml": ("report", "export", "study"),
        INVENTORY: ("report", "transfer", "export", "study"),
    }  # fmt: skip
    for name, who in read_by.items():
        whole = (run / name).read_bytes()
        flip(run / name)
        for reader in who:
            error, read = readers[reader]
            with pytest.raises(error, match=rf"{re.escape(name)} is damaged: its bytes .*again"):
                read()
        (run / name).write_bytes(whole)
    for _, read in readers.values():
        read()


def test_a_run_names_every_damaged_file_and_makes_it_anew_from_what_is_sound(finished, run, caplog):
    original, study, cache = finished
    step = next((run / "steps").glob("tiny-D-*"))
    answers = next((run / "responses").glob("*.jsonl"))
    damaged = [
        run / "results.parquet", run / "summary.json", run / "study.yaml", run / "report.html",
        run / "weights" / "tiny-D.safetensors", run / "figures" / "layers.svg", step / "facts.json", answers,
    ]  # fmt: skip
    for path in damaged:
        flip(path)
    summary = run_study(load_study(study), Settings(folder=run, cache_root=cache))
    for path in damaged:
        assert path.name in caplog.text
    for name in TABLES:
        left, right = (pd.read_parquet(folder / f"{name}.parquet") for folder in (run, original))
        pd.testing.assert_frame_equal(left, right)
    first = json.loads((original / "summary.json").read_text(encoding="utf-8"))
    assert summary["models"]["tiny"]["selected"] == first["models"]["tiny"]["selected"]
    for name in (answers.relative_to(run), (step / "facts.json").relative_to(run), "study.yaml"):
        assert sorted((run / name).read_bytes().splitlines()) == sorted(
            (original / name).read_bytes().splitlines()
        )
    assert Inventory.read(run).refusals() == {}
    kept = {path.name for path in (run / "damaged").rglob("*") if path.is_file()}
    assert {"results.parquet", "summary.json", "study.yaml", "facts.json", "layers.svg"} <= kept
    assert list(answers.parent.glob("*.damaged-1"))


def test_a_damaged_inventory_is_named_and_the_run_ends_with_a_sound_one(finished, run, caplog):
    flip(run / INVENTORY)
    run_study(load_study(finished[1]), Settings(folder=run, cache_root=finished[2]))
    assert f"{INVENTORY} is damaged" in caplog.text
    assert Inventory.read(run).refusals() == {}


def test_a_run_without_its_inventory_is_unfinished_and_goes_on(finished, run):
    (run / INVENTORY).unlink()
    with pytest.raises(ReportError, match=r"unfinished run .*it goes on"):
        write_report(run)
    run_study(load_study(finished[1]), Settings(folder=run, cache_root=finished[2]))
    assert Inventory.read(run).refusals() == {}


def test_steps_that_the_user_removed_do_not_make_a_finished_run_unfinished(finished, run):
    shutil.rmtree(run / "steps")
    before = (run / "summary.json").read_bytes()
    run_study(load_study(finished[1]), Settings(folder=run, cache_root=finished[2]))
    assert (run / "summary.json").read_bytes() == before
    assert not (run / "steps").exists()


def as_of_version_3(run):
    for path in run.rglob(INVENTORY):
        path.unlink()
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    del summary["not_drawn"]
    (run / "summary.json").write_text(json.dumps(summary | {"schema_version": 3}), encoding="utf-8")


def test_a_folder_of_an_earlier_version_is_read_with_one_line_that_says_it_has_no_digests(
    finished, run, caplog
):
    as_of_version_3(run)
    say_unsealed.cache_clear()
    summary = run_study(load_study(finished[1]), Settings(folder=run, cache_root=finished[2]))
    assert summary["schema_version"] == 3
    write_report(run)
    transfer_verb(run, kind=None, out=run.parent / "x", order="given")
    read_facts(run, ProbeChoice(target="D", layer=2, position="template_end"))
    assert caplog.text.count("carries no digests") == 1
    assert not (run / INVENTORY).exists()


def test_figures_and_reports_that_verbs_write_anew_leave_the_run_sound(run):
    transfer_verb(run, kind=None, out=None, order="alphabetical")
    transfer_verb(run, kind=None, out=None, order="clustered")
    assert Inventory.read(run).refusals() == {}


def test_nothing_is_written_through_a_link_that_leads_out_of_a_run(run, tmp_path):
    shutil.rmtree(run / "figures")
    (run / "figures").symlink_to(tmp_path)
    before = set(tmp_path.iterdir())
    with pytest.raises(StudyError, match=r"is a link to .* out of the run's folder"):
        transfer_verb(run, kind=None, out=None, order="given")
    assert set(tmp_path.iterdir()) == before


def test_a_figure_that_fails_leaves_every_table_the_summary_and_a_report_that_says_so(
    finished, run, monkeypatch
):
    def fail(*_, **__):
        raise ValueError("no such glyph")

    monkeypatch.setattr(run_outputs, "layer_curves", fail)
    (run / INVENTORY).unlink()
    for name in (*(f"{name}.parquet" for name in TABLES), "report.html", "summary.json"):
        (run / name).unlink()
    request = RunRequest(study_file=finished[1], out=run)
    monkeypatch.setenv("UNSINTER_CACHE", str(finished[2]))
    outcome = run_verb(request, progress=silent)
    reason = "ValueError: no such glyph"
    assert outcome.not_drawn == {"layers": reason, "layers-tiny": reason}
    assert all((run / f"{name}.parquet").is_file() for name in TABLES)
    assert json.loads((run / "summary.json").read_text(encoding="utf-8"))["not_drawn"] == outcome.not_drawn
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "figure layers-tiny" in page
    assert f"It could not be drawn ({reason})." in page
    assert Inventory.read(run).refusals() == {}
    monkeypatch.undo()
    monkeypatch.setenv("UNSINTER_CACHE", str(finished[2]))
    assert run_verb(request, progress=silent).not_drawn == {}
    assert (run / "figures" / "layers-tiny.svg").is_file()
