"""Tasks on a Ray cluster: as here, again where a worker is killed, in one line where they cannot be."""

import re
import subprocess
import sys

import numpy as np
import pytest
import worker_jobs

from unsinter.studies.workers.backend import Backend
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.spread import n_workers, spread, spread_sites

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets and logs of a cluster that is closed
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_tasks_do_what_this_process_would_and_lost_ones_are_done_again(ray_cluster, tmp_path):
    for layer in range(4):
        np.save(tmp_path / f"{layer}-end.npy", np.full((3, 2), float(layer)))
    sites = [((layer, "end"), 0) for layer in range(4)]
    with Backend(name="ray", address=ray_cluster.address).working():
        assert n_workers(1) == 1
        assert list(spread(worker_jobs.product, [(2, 3), (4, 5)], shared=[1])) == [7, 21]
        stored = worker_jobs.FileSites(str(tmp_path))
        done = list(spread_sites(worker_jobs.shifted, stored, sites, shared=[0.0]))
        assert [value for value, _ in done] == [0.0, 6.0, 12.0, 18.0]
        readers = {int(path.name.removeprefix("read by ")) for path in tmp_path.glob("read by *")}
        assert readers == {pid for _, pid in done}

        jobs = ([n] for n in range(8))
        assert list(spread(worker_jobs.killed_once, jobs, shared=[str(tmp_path)])) == [*range(8)]
        assert (tmp_path / "was killed").exists()

        with pytest.raises(ValueError, match=r"^job 1 cannot be$"):
            list(spread(worker_jobs.refusing, [[1], [2]]))
        with pytest.raises(WorkersError, match=r"Ray cluster was lost .* what is finished is kept") as lost:
            list(spread(worker_jobs.killed_always, [[1]]))
        assert "\n" not in str(lost.value)

    words = "--gpus 1 asks for 1 GPUs of one node, and the Ray cluster has none"
    backend = Backend(name="ray", address=ray_cluster.address, gpus=1)
    with pytest.raises(WorkersError, match=words), backend.working():
        pass


def test_a_node_with_another_version_is_refused_by_its_name(ray_cluster, tmp_path, monkeypatch):
    other = tmp_path / "unsinter-9.9.9.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: unsinter\nVersion: 9.9.9\n")
    monkeypatch.syspath_prepend(tmp_path)  # of this process: the node started without it
    words = r"^node \S+ of the cluster has unsinter .* on Python .*, this process has unsinter 9\.9\.9 on"
    backend = Backend(name="ray", address=ray_cluster.address)
    with pytest.raises(WorkersError, match=words) as refusal, backend.working():
        pass
    assert "\n" not in str(refusal.value)


DRIVER = """
import sys

import worker_jobs
from unsinter.studies.workers.backend import Backend
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.spread import spread

try:
    with Backend(name="ray", address=sys.argv[1]).working():
        for done in spread(worker_jobs.slow_square, ([n] for n in range(100_000))):
            print(done, flush=True)
except WorkersError as error:
    print(error, flush=True)
"""


def test_a_head_that_is_killed_ends_the_work_with_one_line(ray_cluster):
    """In a process of its own: without a head Ray ends a process after a minute, in words of its own."""
    command = [sys.executable, "-c", DRIVER, ray_cluster.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout.readline() == "0\n"
        ray_cluster.head_node.kill_gcs_server()
        shown, _ = driver.communicate(timeout=200)
    last = shown.splitlines()[-1]
    assert re.match(r"the head of the Ray cluster has not answered for 20 seconds.*run again", last)
