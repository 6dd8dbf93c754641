"""A kill at any file event: the next run of the same verb goes on, and nothing of an earlier run is lost."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import kill_at_events
import pandas as pd
import pytest
from kill_at_events import killed_at

from unsinter.studies.cli.commands.data import label_verb
from unsinter.studies.cli.commands.run import demo_study_file
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.store.step_store import StepStore
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.tables.read import SEALED_FROM

SPLIT = pd.DataFrame({"id": ["a", "b"], "held_out": [True, False]})
FILES = ("results.parquet", "predictions.parquet", "report.html", "figures", "probes", "weights")


@pytest.fixture
def study():
    """The embedded study."""
    return load_study(demo_study_file())


def begin(folder: Path, study, *, fingerprint: str) -> RunFolder:
    """Claim and start a run, as `run` does."""
    run = RunFolder.claim(folder, study, fingerprint=fingerprint)
    if run.finished_summary() is None:
        run.start(SPLIT)
    return run


def finish(run: RunFolder, mark: str, run_version: int = SEALED_FROM) -> None:
    """Write what a run leaves, marked, the summary last but for the report."""
    for name in FILES:
        target = run.path / name / "one" if "." not in name else run.path / name
        run.write(target, lambda file: file.write_text(mark))
    summary = json.dumps({"fingerprint": run.fingerprint, "mark": mark, "schema_version": run_version})
    run.write(run.path / "summary.json", lambda file: file.write_text(summary))
    run.write(run.path / "report.html", lambda file: file.write_text(mark))
    if run_version >= SEALED_FROM:
        run.seal()


def marks(folder: Path) -> set[str]:
    """What the outputs in a folder are marked with."""
    result = {path.read_text() for path in folder.glob("*/one")}
    result |= {(folder / name).read_text() for name in FILES if (folder / name).is_file()}
    return result


def test_a_run_killed_at_any_file_event_of_its_start_in_a_fresh_folder_goes_on(tmp_path, study):
    number, is_killed = 0, True
    while is_killed:
        number += 1
        folder = tmp_path / str(number)
        is_killed = killed_at(lambda at=folder: begin(at, study, fingerprint="one"), [folder], number)
        begin(folder, study, fingerprint="one")
        names = {path.name for path in folder.iterdir() if not path.name.endswith((".part", ".lock"))}
        assert names == {"study.yaml", "split.parquet"}
    assert number > 5


@pytest.mark.parametrize("version", [3, SEALED_FROM])
def test_a_run_killed_at_any_file_event_while_it_sets_another_aside_goes_on_and_loses_nothing(
    tmp_path, study, version
):
    changed = study.model_copy(update={"seed": 99})
    number, is_killed = 0, True
    while is_killed:
        number += 1
        folder = tmp_path / str(number)
        finish(begin(folder, study, fingerprint="one"), "first", version)
        is_killed = killed_at(lambda at=folder: begin(at, changed, fingerprint="two"), [folder], number)
        finish(begin(folder, changed, fingerprint="two"), "second")
        (aside,) = (path for path in (folder / "earlier").iterdir())
        assert aside.name == "1", number
        assert marks(aside) == {"first"}, number
        assert json.loads((aside / "summary.json").read_text())["mark"] == "first"
        assert (aside / "study.yaml").read_text() == RunFolder.claim(tmp_path / "no", study).study_text
        assert marks(folder) == {"second"}, number
        assert RunFolder.claim(folder, changed, fingerprint="two").finished_summary()["mark"] == "second"
    assert number > 20


def test_a_run_killed_while_it_sets_another_aside_may_be_followed_by_that_other(tmp_path, study):
    changed = study.model_copy(update={"seed": 99})
    number, is_killed = 0, True
    while is_killed:
        number += 1
        folder = tmp_path / str(number)
        finish(begin(folder, study, fingerprint="one"), "first")
        is_killed = killed_at(lambda at=folder: begin(at, changed, fingerprint="two"), [folder], number)
        back = begin(folder, study, fingerprint="one")
        if back.finished_summary() is None:
            finish(back, "again")
        assert "first" in marks(folder) | {
            mark for aside in (folder / "earlier").glob("*") for mark in marks(aside)
        }
        assert (folder / "study.yaml").read_text() == back.study_text
        assert len(marks(folder)) == 1  # never a mixture


@pytest.mark.parametrize("version", [3, SEALED_FROM])
def test_a_run_killed_while_only_its_report_changes_writes_the_report_anew(tmp_path, study, version):
    changed = study.model_copy(update={"report": study.report.model_copy(update={"question": "What?"})})

    def renew(folder: Path) -> None:
        run = RunFolder.claim(folder, changed, fingerprint="one")
        if run.finished_summary() is None:
            run.start(SPLIT)
            finish(run, "new words")
        elif run.report_is_stale():
            run.rewrite_report(lambda files: (folder / "report.html").write_text("new words") and {})

    number, is_killed = 0, True
    while is_killed:
        number += 1
        folder = tmp_path / str(number)
        finish(begin(folder, study, fingerprint="one"), "first", version)
        is_killed = killed_at(lambda at=folder: renew(at), [folder], number)
        renew(folder)
        assert (folder / "report.html").read_text() == "new words", number


def test_a_run_that_another_with_other_settings_overtook_writes_nothing_over_it(tmp_path, study):
    first = begin(tmp_path, study, fingerprint="one")
    second = begin(tmp_path, study.model_copy(update={"seed": 99}), fingerprint="two")
    with second.finishing():
        finish(second, "second")
    with pytest.raises(StudyError, match="taken meanwhile by a run with other settings"), first.finishing():
        finish(first, "first")
    assert marks(tmp_path) == {"second"}
    assert second.finished_summary()["mark"] == "second"


def test_a_run_waits_for_another_that_writes_its_outputs_and_loses_none_of_them(tmp_path, study):
    first, changed = begin(tmp_path, study, fingerprint="one"), study.model_copy(update={"seed": 99})
    other = threading.Thread(target=begin, args=(tmp_path, changed), kwargs={"fingerprint": "two"})
    with first.finishing():
        finish(first, "first")
        other.start()
        other.join(timeout=0.5)
        assert other.is_alive()
        assert first.finished_summary()["mark"] == "first"
    other.join()
    assert marks(tmp_path / "earlier" / "1") == {"first"}
    assert "seed: 99" in (tmp_path / "study.yaml").read_text()


@pytest.mark.parametrize(
    "name", ["notes.txt", "log.jsonl", ".study.yaml.x.part", "study.yaml.1.part", "earlier"]
)
def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path, study, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("mine")
    with pytest.raises(ValueError, match="is not empty and holds no run"):
        RunFolder.claim(tmp_path / "run", study)
    assert (tmp_path / "run" / name).read_text() == "mine"


def test_unfinished_files_of_ended_processes_are_gone_after_a_day_and_all_others_stay(tmp_path, study):
    begin(tmp_path, study, fingerprint="one")
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / "steps" / f".tiny-D-0123.{ended.pid}.part").mkdir(parents=True)
    (tmp_path / "steps" / f".tiny-D-0123.{ended.pid}.part" / "facts.json").touch()
    names = [f".results.parquet.{ended.pid}.part", f".results.parquet.{os.getppid()}.part", ".mine.part"]
    for name in (*names, f".floors.parquet.{ended.pid}.part"):
        (tmp_path / name).touch()
    for name in (*names, f"steps/.tiny-D-0123.{ended.pid}.part"):
        os.utime(tmp_path / name, (0, 0))
    begin(tmp_path, study, fingerprint="one")
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.part")}
    assert left == {names[1], ".mine.part", f".floors.parquet.{ended.pid}.part"}


def test_a_line_of_the_log_follows_one_that_a_kill_cut_short_on_a_line_of_its_own(tmp_path, study):
    run = begin(tmp_path, study, fingerprint="one")
    (tmp_path / "log.jsonl").write_text('{"time": 1, "event": "st')
    run.log("done", seconds=1)
    run.log("done", seconds=2)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["seconds"] for line in lines[1:]] == [1, 2]


def test_a_step_killed_at_any_file_event_is_whole_or_absent(tmp_path):
    store = StepStore(folder=tmp_path / "steps")
    whole = {"tables": {"one": SPLIT, "two": SPLIT}, "facts": {"n": 1}}
    number, is_killed = 0, True
    while is_killed:
        number += 1
        key = f"{number:016d}"
        is_killed = killed_at(lambda at=key: store.keep("step", at, **whole), [store.folder], number)
        step = store.find("step", key) or store.keep("step", key, **whole)
        pd.testing.assert_frame_equal(step.tables["two"], SPLIT)
    assert number > 3


def test_labelling_killed_at_any_file_event_is_done_by_the_same_command(tmp_path):
    rows = [
        {"id": str(n), "prompt_id": str(n), "model": "m", "response_opening": text, "gold": gold}
        for n, (text, gold) in enumerate(
            [("I'm sorry, but I can't help with that.", "refusal"), ("Sure, here is a recipe.", "compliance")]
            * 3
        )
    ]
    data = tmp_path / "responses.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def label(folder: Path) -> None:
        label_verb(
            data,
            out=folder / "labelled.jsonl",
            judge="rules",
            gold="gold",
            prompts=None,
            rates=folder / "rates",
        )

    number, is_killed = 0, True
    while is_killed:
        number += 1
        folder = tmp_path / str(number)
        is_killed = killed_at(lambda at=folder: label(at), [folder], number)
        label(folder)
        assert sorted(path.name for path in folder.iterdir()) == ["labelled.jsonl", "rates"], number
        assert len((folder / "labelled.jsonl").read_text().splitlines()) == len(rows)
    assert number > 4


KILLED_RUNS = Path(kill_at_events.__file__).with_name("killed_runs.py")


FIRST_AND_LATE = [1, 9, 17, 133]
EVERY_FOURTH = [*range(1, 25, 4), *range(33, 400, 100)]
"""Of the first events, where a folder becomes a run's; then one in a hundred."""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("is_changed", [False, True], ids=["fresh folder", "other settings before"])
@pytest.mark.parametrize(
    "events",
    [
        pytest.param(FIRST_AND_LATE, marks=pytest.mark.slow, id="first and late"),
        pytest.param(EVERY_FOURTH, marks=pytest.mark.exhaustive, id="every fourth"),
    ],
)
def test_a_whole_run_killed_at_file_events_from_its_start_to_its_end_is_finished_by_the_next(
    tmp_path, write_study, events, is_changed
):
    request = {
        "folder": str(tmp_path),
        "cache": str(tmp_path / "cache"),
        "events": events,
    }
    if is_changed:
        changed = write_study(targets=["D"], whole=True, controls={"permutations": 200})
        request["changed"] = str(changed.rename(changed.with_name("changed.yaml")))
    request["study"] = str(write_study(targets=["D"], whole=True))
    done = subprocess.run(
        [sys.executable, str(KILLED_RUNS), json.dumps(request)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["failed"] == {}
    assert result["killed"][:7] == events[:7]  # which of the last ones come before the end is not known
