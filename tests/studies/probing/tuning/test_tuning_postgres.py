"""Tuning on a real PostgreSQL, filled by four processes at once."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import tuning_world
from loopback import free_port
from optuna.trial import TrialState
from pandas.testing import assert_frame_equal

from unsinter.studies.probing.tuning.storage import open_storage

SCRIPT = Path(tuning_world.__file__)
TRIALS = 12


def programs():
    """The folder of the newest installed server; the test is skipped where there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    folders = [folder for folder in folders if (folder / "pg_ctl").exists() and (folder / "initdb").exists()]
    if not folders:
        pytest.skip("no PostgreSQL server under /usr/lib/postgresql; install the package postgresql")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("no PostgreSQL driver; install the extra postgres")
    return folders[-1]


def as_server_user(*command):
    """Run a command as a user that the server accepts: it refuses to run as root."""
    if os.geteuid() == 0:
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL refuses to run as root and there is no runuser")
        command = ("runuser", "-u", "postgres", "--", *command)
    done = subprocess.run(
        [str(part) for part in command], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.fixture
def postgres():
    """A server of its own on loopback with an empty database; stopped and removed afterwards."""
    folder = programs()
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as home:
        if os.geteuid() == 0:
            shutil.chown(home, "postgres")
        data, port = f"{home}/data", free_port()
        as_server_user(
            folder / "initdb", "--auth=trust", "--no-sync", "--username=tuner", "--encoding=UTF8",
            "--locale=C", "-D", data,
        )  # fmt: skip
        options = f"-h 127.0.0.1 -p {port} -k {home} -c fsync=off"
        as_server_user(
            folder / "pg_ctl", "-D", data, "-l", f"{home}/log", "-w", "-t", "60", "-o", options, "start"
        )
        try:
            yield f"postgresql://tuner@127.0.0.1:{port}/postgres"
        finally:
            as_server_user(folder / "pg_ctl", "-D", data, "-m", "immediate", "stop")


@pytest.mark.slow
def test_four_processes_fill_one_study_every_trial_once_and_complete(postgres, tmp_path):
    tune = {"trials": TRIALS, "storage": postgres, "pruning": False}
    task = json.dumps({"folder": str(tmp_path), "world": {}, "tune": tune})
    workers = [subprocess.Popen([sys.executable, str(SCRIPT), task]) for _ in range(4)]
    assert [worker.wait(timeout=240) for worker in workers] == [0] * 4

    with open_storage(postgres, tmp_path) as storage:
        (study,) = storage.get_all_studies()
        trials = storage.get_all_trials(study._study_id)
    finished = [trial for trial in trials if trial.state is not TrialState.FAIL]
    assert [trial.state for trial in finished] == [TrialState.COMPLETE] * TRIALS
    assert sorted(trial.user_attrs["place"] for trial in finished) == list(range(TRIALS))
    assert len({trial.user_attrs["worker"] for trial in finished}) > 1

    shared = tuning_world.World().tune(tmp_path, **tune).trials
    alone = tuning_world.World().tune(tmp_path, **tune | {"storage": None}).trials
    assert_frame_equal(shared.drop(columns="seconds"), alone.drop(columns="seconds"), check_exact=True)
