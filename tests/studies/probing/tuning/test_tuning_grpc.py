"""Tuning behind Optuna's gRPC proxy, a real one on loopback with a database file behind it."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import tuning_world
from loopback import free_port
from optuna.trial import TrialState
from pandas.testing import assert_frame_equal

from unsinter.studies.probing.tuning import storage as storage_module
from unsinter.studies.probing.tuning.grpc_storage import grpc_address, open_grpc
from unsinter.studies.probing.tuning.storage import TuningError, check_storage_url, open_storage

pytest.importorskip("grpc", reason="the extra grpc is not installed")

SCRIPT = Path(tuning_world.__file__)
SERVER = """
import sys
from optuna.storages import RDBStorage, run_grpc_proxy_server
run_grpc_proxy_server(RDBStorage(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]))
"""
TRIALS = 6


@pytest.fixture
def proxy(tmp_path):
    """A proxy process and its URL; killed afterwards."""
    port = free_port()
    database = f"sqlite:///{tmp_path}/behind.db"
    server = subprocess.Popen([sys.executable, "-W", "ignore", "-c", SERVER, database, str(port)])
    url = f"grpc://127.0.0.1:{port}"
    try:
        open_grpc(url, seconds=60).close()
        yield server, url
    finally:
        server.kill()
        server.wait()


@pytest.mark.slow
def test_two_processes_behind_a_proxy_leave_the_trials_of_one_without(proxy, tmp_path):
    _, url = proxy
    tune = {"trials": TRIALS, "storage": url, "pruning": False}
    task = json.dumps({"folder": str(tmp_path), "world": {}, "tune": tune})
    workers = [subprocess.Popen([sys.executable, str(SCRIPT), task]) for _ in range(2)]
    assert [worker.wait(timeout=240) for worker in workers] == [0, 0]
    with open_storage(url, tmp_path) as opened:
        (study,) = opened.get_all_studies()
        trials = opened.get_all_trials(study._study_id)
    finished = [trial for trial in trials if trial.state is not TrialState.FAIL]
    assert [trial.state for trial in finished] == [TrialState.COMPLETE] * TRIALS
    assert sorted(trial.user_attrs["place"] for trial in finished) == list(range(TRIALS))
    shared = tuning_world.World().tune(tmp_path, **tune).trials
    alone = tuning_world.World().tune(tmp_path, **tune | {"storage": None}).trials
    assert_frame_equal(shared.drop(columns="seconds"), alone.drop(columns="seconds"), check_exact=True)


def test_a_proxy_that_dies_while_trials_are_made_is_named_in_one_sentence(proxy, tmp_path):
    server, url = proxy

    def ask(opened):
        server.kill()
        server.wait()
        opened.get_all_studies()

    with (
        pytest.raises(TuningError, match=r"stopped answering \(.*\); see that its proxy runs") as refusal,
        open_storage(url, tmp_path) as opened,
    ):
        ask(opened)
    assert "\n" not in str(refusal.value)


def test_where_no_proxy_answers_that_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(storage_module, "open_grpc", partial(open_grpc, seconds=0.5))
    url = f"grpc://127.0.0.1:{free_port()}"
    with (
        pytest.raises(TuningError, match=f"--storage {url}: no proxy answers there"),
        open_storage(url, tmp_path),
    ):
        pass


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc", None)
    with (
        pytest.raises(TuningError, match=r"pip install '\.\[grpc\]'"),
        open_storage("grpc://a:1", tmp_path),
    ):
        pass


NO_ADDRESSES = (
    "grpc:// grpc://host grpc://host: grpc://host:x grpc://:1 grpc:host:1 grpc://host:70000 "
    "grpc://user@host:1 "
    "grpc://host:1/db"
)


@pytest.mark.parametrize("url", NO_ADDRESSES.split())
def test_an_address_without_host_and_port_is_refused_before_anything_is_opened(url):
    with pytest.raises(TuningError, match=r"takes a proxy as grpc://host:port"):
        check_storage_url(url)


def test_hosts_are_names_or_numbers():
    assert grpc_address("grpc://node-1.cluster:13000") == ("node-1.cluster", 13000)
    assert grpc_address("grpc://10.0.0.2:1/") == ("10.0.0.2", 1)
    assert grpc_address("grpc://[::1]:13000") == ("[::1]", 13000)
