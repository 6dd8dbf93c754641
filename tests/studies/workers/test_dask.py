"""Workers of a Dask scheduler."""

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import worker_jobs
from distributed import Client, LocalCluster

from unsinter.studies.workers import dask_cluster
from unsinter.studies.workers.backend import Backend
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.spread import n_workers, spread, spread_sites
from unsinter.studies.workers.versions import described_by_value, library_and_python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets of a cluster that is closed
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def dask_address():
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address


def test_results_come_in_order_and_workers_read_their_own_rows(dask_address, tmp_path):
    for layer in range(4):
        np.save(tmp_path / f"{layer}-end.npy", np.full((3, 2), float(layer)))
    sites = [((layer, "end"), 0) for layer in range(4)]
    with Backend(name="dask", address=dask_address).working():
        assert list(spread(worker_jobs.product, [(2, 3), (4, 5)], shared=[1])) == [7, 21]
        stored = worker_jobs.FileSites(str(tmp_path))
        done = list(spread_sites(worker_jobs.shifted, stored, sites, shared=[0.0]))
    assert [value for value, _ in done] == [0.0, 6.0, 12.0, 18.0]
    readers = {int(path.name.removeprefix("read by ")) for path in tmp_path.glob("read by *")}
    assert readers == {pid for _, pid in done}


def test_a_job_whose_worker_is_killed_is_done_by_another(dask_address, tmp_path):
    with Backend(name="dask", address=dask_address).working():
        assert list(spread(worker_jobs.killed_once, ([n] for n in range(8)), shared=[str(tmp_path)])) == [
            *range(8)
        ]
    assert (tmp_path / "was killed").exists()


def test_a_job_that_kills_every_worker_it_gets_ends_with_one_line(dask_address):
    with Backend(name="dask", address=dask_address).working():
        with pytest.raises(WorkersError, match=r"lost its worker time after time.*run again"):
            list(spread(worker_jobs.killed_always, ([n] for n in range(2))))
        assert list(spread(worker_jobs.product, [(2, 3)], shared=[1])) == [7]  # others are there by now


def test_what_a_job_raises_arrives_as_it_was(dask_address):
    with (
        Backend(name="dask", address=dask_address).working(),
        pytest.raises(ValueError, match=r"^job 1 cannot be$"),
    ):
        list(spread(worker_jobs.refusing, [[1]]))


def test_one_worker_alone_does_the_work_in_place_of_this_process():
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        with Backend(name="dask", address=cluster.scheduler_address).working():
            assert n_workers(8) == 1
            (pid,) = spread(worker_jobs.process_number, [[]])
        assert pid != os.getpid()


def test_a_scheduler_that_goes_ends_the_work_with_one_line():
    environment = dict(os.environ, PYTHONPATH=str(Path(worker_jobs.__file__).parent))
    command = [sys.executable, "-c", SCHEDULER_AND_WORKER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as scheduler:
        address = scheduler.stdout.readline().strip()
        with Backend(name="dask", address=address).working():
            results = spread(worker_jobs.slow_square, ([n] for n in range(500)))
            assert next(results) == 0
            scheduler.kill()
            with pytest.raises(WorkersError, match=r"scheduler of Dask is gone.*run again"):
                list(results)


@pytest.fixture
def two_processes():
    """A scheduler and a worker in processes of their own: address, scheduler, worker."""
    environment = dict(os.environ, PYTHONPATH=str(Path(worker_jobs.__file__).parent))
    dask, quiet = Path(sys.executable).with_name("dask"), {"stderr": subprocess.DEVNULL, "env": environment}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    of_scheduler = [dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    of_worker = [dask, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    with subprocess.Popen(of_scheduler, **quiet) as scheduler, subprocess.Popen(of_worker, **quiet) as worker:
        try:
            with Client(address, timeout=60) as client:
                client.wait_for_workers(1, timeout=60)
            yield address, scheduler, worker
        finally:
            for process in (scheduler, worker):
                process.send_signal(signal.SIGCONT)
                process.kill()


def test_a_scheduler_that_is_stopped_in_the_middle_ends_the_work_with_one_line(two_processes, monkeypatch):
    """It keeps its connections open, so that no error ever comes."""
    monkeypatch.setattr(dask_cluster, "_ANSWER", 3.0)
    address, scheduler, _ = two_processes
    with Backend(name="dask", address=address).working():
        results = spread(worker_jobs.slow_square, ([n] for n in range(500)))
        assert next(results) == 0
        scheduler.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(WorkersError, match=r"has not answered for 3 seconds.*stopped.*run again"):
            list(results)
    assert time.monotonic() - begin < 60


def test_a_worker_that_is_stopped_is_refused_by_its_address(two_processes, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_ANSWER", 3.0)
    address, _, worker = two_processes
    worker.send_signal(signal.SIGSTOP)
    message = r"worker tcp://.* of Dask has not answered for 3 seconds: it is stopped"
    with pytest.raises(WorkersError, match=message), Backend(name="dask", address=address).working():
        pass


SCHEDULER_AND_WORKER = """
import time
from distributed import Client, LocalCluster
options = {"processes": False, "protocol": "tcp", "dashboard_address": ":0"}
with LocalCluster(n_workers=1, threads_per_worker=1, **options) as cluster:
    print(cluster.scheduler_address, flush=True)
    time.sleep(600)
"""


def test_workers_of_several_threads_are_refused():
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as cluster:
        backend = Backend(name="dask", address=cluster.scheduler_address)
        with (
            pytest.raises(WorkersError, match=r"has 2 threads.*--nthreads 1 --nworkers 2"),
            backend.working(),
        ):
            pass


def test_a_worker_without_this_library_can_say_so(tmp_path):
    """Its Python has no package but the one that functions are read with."""
    shutil.copytree(Path(cloudpickle.__file__).parent, tmp_path / "cloudpickle")
    (tmp_path / "question").write_bytes(cloudpickle.dumps(described_by_value()))
    run = "import sys; sys.path.append('.'); import pickle; print(pickle.load(open('question', 'rb'))())"
    command = [sys.executable, "-I", "-S", "-c", run]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert answer == f"no unsinter on Python {platform.python_version()}\n"
    assert described_by_value()() == library_and_python()


def test_a_scheduler_that_loses_all_workers_is_waited_for_and_then_given_up(monkeypatch):
    monkeypatch.setattr(dask_cluster, "PATIENCE", 2.0)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        Backend(name="dask", address=cluster.scheduler_address).working(),
    ):
        results = spread(worker_jobs.slow_square, ([n] for n in range(500)))
        assert next(results) == 0
        cluster.scale(0)
        with pytest.raises(WorkersError, match=r"has had no worker for 2 seconds; start some.*run again"):
            list(results)


def test_a_worker_with_another_version_is_refused_by_its_address(dask_address, monkeypatch):
    monkeypatch.setattr(dask_cluster, "library_and_python", lambda: "unsinter 9.9 on Python 3.99")
    backend = Backend(name="dask", address=dask_address)
    message = r"node tcp://.* has unsinter .*, this process has unsinter 9\.9"
    with pytest.raises(WorkersError, match=message), backend.working():
        pass


def test_a_scheduler_without_workers_is_refused():
    with LocalCluster(n_workers=0, dashboard_address=":0") as cluster:
        backend = Backend(name="dask", address=cluster.scheduler_address)
        with pytest.raises(WorkersError, match="has no worker"), backend.working():
            pass
