"""What a second run of a study does: nothing, or only what changed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from unsinter.cache.inventory import INVENTORY
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import load_study
from unsinter.studies.study.run_options import Settings


@pytest.fixture
def run_again(tmp_path, private_cache):
    """Run a study file into one folder; returns (summary, run folder, names of the steps that were made)."""
    folder = tmp_path / "run"

    def run(path):
        before = set((folder / "steps").glob("*")) if folder.exists() else set()
        summary = run_study(load_study(path), Settings(folder=folder, cache_root=private_cache))
        made = {step.name.rpartition("-")[0] for step in set((folder / "steps").glob("*")) - before}
        return summary, folder, made

    return run


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_running_a_finished_study_again_writes_nothing_and_returns_its_summary(write_study, run_again):
    path = write_study()
    first, folder, made = run_again(path)
    assert {"tiny-D", "tiny-C"} <= made
    before = stamps(folder)
    again, _, made = run_again(path)
    assert (again, made) == (first, set())
    assert stamps(folder) == before


SECOND_RUN = """
import sys
from unsinter.studies.cli import app
app(["run", sys.argv[1], "--out", sys.argv[2]], standalone_mode=False)
heavy = {"torch", "transformers", "sklearn", "scipy", "optuna", "matplotlib", "seaborn"}
heavy |= {"huggingface_hub", "unsinter.features.labelling.patterns"}
print("loaded:", sorted(heavy & set(sys.modules)))
"""


def test_a_finished_run_is_shown_without_a_model_library(write_study, run_again, private_cache):
    path = write_study()
    _, folder, _ = run_again(path)
    shown = subprocess.run(
        [sys.executable, "-c", SECOND_RUN, str(path), str(folder)],
        env=os.environ | {"UNSINTER_CACHE": str(private_cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines()[-1] == "loaded: []"
    assert "tiny" in shown.stdout


@pytest.mark.slow
def test_changing_one_target_refits_only_that_target(write_study, run_again):
    """A category too few for `min_groups` drops a class of C; D's labels stay what they were."""
    run_again(write_study(targets=["D"]))
    _, folder, made = run_again(write_study(targets=["D", "C"]))
    assert "tiny-C" in made
    assert "tiny-D" not in made
    assert set(pd.read_parquet(folder / "results.parquet")["target"]) == {"D", "C"}


def test_changing_only_the_report_refits_nothing_and_rewrites_the_report(write_study, run_again):
    _, folder, _ = run_again(write_study())
    before = stamps(folder)
    _, _, made = run_again(write_study(report={"question": "Is <harm> seen before it is said?"}))
    assert made == set()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert '<p class="question">Is &lt;harm&gt; seen before it is said?</p>' in page
    changed = {path.name for path, stamp in stamps(folder).items() if before.get(path) != stamp}
    assert changed <= {"report.html", "study.yaml", "log.jsonl", INVENTORY}


@pytest.mark.slow
def test_a_run_whose_end_was_lost_uses_every_finished_step(write_study, run_again):
    first, folder, _ = run_again(write_study())
    table = pd.read_parquet(folder / "results.parquet")
    for name in ("summary.json", "results.parquet", "report.html"):
        (folder / name).unlink()
    again, _, made = run_again(write_study())
    assert made == set()
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "results.parquet"), table)
    assert again["models"] == first["models"] | {
        "tiny": first["models"]["tiny"] | {"extraction": again["models"]["tiny"]["extraction"]}
    }


@pytest.mark.slow
def test_prompts_that_changed_under_the_same_study_are_studied_anew_and_the_earlier_run_is_kept(
    write_study, run_again, few_prompts
):
    first, folder, _ = run_again(write_study())
    time.sleep(0.01)
    _, _, made = run_again(write_study(prompts=few_prompts[: len(few_prompts) * 2 // 3]))
    assert {"tiny-D", "tiny-C"} <= made
    kept = json.loads((folder / "earlier" / "1" / "summary.json").read_text(encoding="utf-8"))
    assert kept["fingerprint"] == first["fingerprint"]


@pytest.mark.slow
def test_the_same_prompts_written_again_refit_nothing(write_study, run_again):
    path = write_study()
    _, _, made = run_again(path)
    data = path.parent / "prompts.jsonl"
    os.utime(data, ns=(data.stat().st_atime_ns, data.stat().st_mtime_ns + 10**9))
    _, folder, made = run_again(path)
    assert made == set()
    assert (folder / "results.parquet").is_file()


@pytest.mark.slow
def test_a_copied_run_folder_is_the_same_run(write_study, run_again, tmp_path, private_cache):
    path = write_study()
    first, folder, _ = run_again(path)
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert run_study(load_study(path), Settings(folder=copy, cache_root=private_cache)) == first


@pytest.mark.slow
def test_the_log_tells_every_step_with_its_seconds(write_study, run_again):
    _, folder, _ = run_again(write_study())
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    finished = {line["step"] for line in lines if line["event"] == "step done"}
    assert {"tiny: probes for D", "tiny: probes for C"} <= finished
    assert all(line["seconds"] >= 0 for line in lines if line["event"] == "step done")
    assert lines[-1]["event"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_run_stopped_by_ctrl_c_or_killed_goes_on_and_ends_with_the_tables_of_an_unbroken_one(
    write_study, run_again, tmp_path, private_cache, end
):
    """Stopped once the first target is done: that step is used, the rest is made."""
    path, stopped = write_study(whole=True), tmp_path / "stopped"
    _, unbroken, _ = run_again(path)
    # A process that a shell puts into the background inherits that SIGINT is ignored.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from unsinter.studies.cli import app; app()"
    command = [sys.executable, "-c", code, "run", str(path)]
    environment = os.environ | {"UNSINTER_CACHE": str(private_cache)}
    process = subprocess.Popen(
        [*command, "--out", str(stopped)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 300
    while not list(stopped.glob("steps/tiny-D-*")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    process.send_signal(end)
    _, error = process.communicate(timeout=300)
    assert process.returncode == (130 if end == signal.SIGINT else -end), error.decode()
    assert b"Traceback" not in error
    assert not (stopped / "summary.json").exists()
    kept = stamps(next(stopped.glob("steps/tiny-D-*")))
    run_study(load_study(path), Settings(folder=stopped, cache_root=private_cache))
    assert stamps(next(stopped.glob("steps/tiny-D-*"))) == kept
    for name in ("results.parquet", "predictions.parquet", "transfer.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(stopped / name), pd.read_parquet(unbroken / name))
