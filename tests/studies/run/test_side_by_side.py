"""Models in processes beside each other: the files of one after another, whatever becomes of a process."""

import json
import os
import signal

import pytest
import torch
from run_hash import digests
from threadpoolctl import threadpool_limits

from unsinter.features.model.model import load_model
from unsinter.studies.planted import model_folder
from unsinter.studies.run import side_by_side
from unsinter.studies.run.run import run_study
from unsinter.studies.run.side_by_side import models_at_once
from unsinter.studies.study.file import load_study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.study.sections import ModelSource

MODELS = [{"name": name, "path": f"planted:{name}", "dtype": "float32"} for name in ("detached", "sintered")]
IN_ORDER_OF_WORK = {"log.jsonl", "tuning/trials.journal"}
"""Files whose lines stand in the order in which things were done."""


@pytest.fixture
def one_thread(monkeypatch):
    """As `make` sets it: sums are rounded by the number of threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture
def two_runs(write_study, tmp_path, one_thread):
    """Run a study of two models with one job, and with two."""
    study = load_study(
        write_study(
            whole=True,
            models=MODELS,
            responses={"max_new_tokens": 12},
            targets=["D", "R"],
            layers=[1, 2],
            tuning={"trials": 3},
            separation={"pairs": ["D-R"], "draws": 100},
            transfer=["category"],
        )
    )
    folders = []
    for n_jobs in (1, 2):
        folder = tmp_path / f"jobs{n_jobs}" / "run"
        run_study(study, Settings(folder=folder, cache_root=tmp_path / f"cache{n_jobs}", n_jobs=n_jobs))
        folders.append(folder)
    return folders


def files(folder):
    return {name: value for name, value in digests(folder).items() if name not in IN_ORDER_OF_WORK}


def events(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_models_beside_each_other_leave_the_files_of_one_after_another(two_runs):
    one, other = map(files, two_runs)
    assert {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)} == set()
    steps = [{event["step"] for event in events(folder) if event["event"] == "step"} for folder in two_runs]
    assert steps[0] < steps[1]
    assert steps[1] - steps[0] == {"models in processes of their own"}


@pytest.mark.slow
def test_a_process_that_is_killed_costs_no_result(monkeypatch, request):
    start = side_by_side.Beside._start

    def start_and_kill(beside):
        start(beside)
        for process in list(beside.pool._processes.values()):
            os.kill(process.pid, signal.SIGKILL)

    monkeypatch.setattr(side_by_side.Beside, "_start", start_and_kill)
    folders = request.getfixturevalue("two_runs")
    one, other = map(files, folders)
    assert one == other
    ended = [[e for e in events(f) if e["event"] == "a process beside ended early"] for f in folders]
    assert [len(lines) for lines in ended] == [0, 1]


def sources(*paths):
    return [ModelSource(name=f"m{i}", path=path, dtype="float32") for i, path in enumerate(paths)]


PLANTED = sources("planted:detached", "planted:sintered")


@pytest.fixture
def plain_machine(monkeypatch):
    """A machine without a graphics card and with room."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    monkeypatch.setattr(side_by_side, "free_memory", lambda: 1 << 40)


@pytest.mark.parametrize(("n_jobs", "n"), [(1, 1), (2, 2), (8, 2)])
def test_as_many_models_as_there_are_jobs_are_studied_at_a_time(plain_machine, n_jobs, n):
    assert models_at_once(PLANTED, n_jobs) == n


def test_models_that_do_not_fit_beside_each_other_are_studied_one_after_another(plain_machine, monkeypatch):
    n_bytes = sum(
        p.numel() * p.element_size() for p in load_model(model_folder("detached")).model.parameters()
    )
    monkeypatch.setattr(side_by_side, "free_memory", lambda: 4 * n_bytes)
    assert models_at_once(PLANTED, 2) == 1


def test_models_that_share_a_graphics_card_are_studied_one_after_another(plain_machine, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert models_at_once(PLANTED, 2) == 1


def test_a_model_that_cannot_be_read_is_left_to_its_turn(plain_machine, tmp_path):
    assert models_at_once(sources("planted:detached", str(tmp_path / "absent")), 2) == 1


def test_a_model_that_the_hub_left_on_this_machine_is_measured_there(plain_machine, monkeypatch):
    monkeypatch.setattr(
        side_by_side, "local_snapshot", lambda model_id, revision: str(model_folder("detached"))
    )
    assert models_at_once(sources("planted:detached", "somebody/model"), 2) == 2
