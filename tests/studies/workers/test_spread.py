"""Work that is spread: results in order, rows read by whoever works on them, and lost workers in one line."""

import http.server
import os
import time
from threading import Thread

import numpy as np
import pytest
import worker_jobs
from loopback import QuietHandler

from unsinter.studies.workers import dask_cluster, ray_connection
from unsinter.studies.workers.backend import Backend
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.jobs import in_order
from unsinter.studies.workers.ray_cluster import Lack
from unsinter.studies.workers.spread import n_workers, spread, spread_sites


@pytest.mark.parametrize("address", [None, "auto"])
@pytest.mark.parametrize(
    ("named", "words"),
    [
        (
            "127.0.0.1:1",
            r"^no Ray cluster answers at 127\.0\.0\.1:1, which RAY_ADDRESS names \(.*\); start one",
        ),
        ("ray://127.0.0.1:10001", r"^RAY_ADDRESS of a Ray cluster is host:port of its head"),
    ],
)
def test_a_cluster_of_the_environment_that_does_not_answer_is_refused_at_once(
    monkeypatch, address, named, words
):
    monkeypatch.setenv("RAY_ADDRESS", named)
    started = time.monotonic()
    with pytest.raises(WorkersError, match=words), Backend(name="ray", address=address).working():
        pass
    assert time.monotonic() - started < 30  # Ray itself tries for more than a minute


@pytest.fixture
def stored(tmp_path):
    for layer in range(4):
        np.save(tmp_path / f"{layer}-end.npy", np.full((3, 2), float(layer)))
    return worker_jobs.FileSites(str(tmp_path))


SITES = [((layer, "end"), 10 * layer) for layer in range(4)]
EXPECTED = [6.0 * layer + 10 * layer + 0.5 for layer in range(4)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_come_in_the_order_of_the_jobs(n_jobs):
    jobs = [(a, b) for a in range(5) for b in range(3)]
    done = list(spread(worker_jobs.product, jobs, shared=[7], n_jobs=n_jobs))
    assert done == [a * b + 7 for a, b in jobs]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_stored_rows_are_read_by_the_process_that_works_on_them(stored, n_jobs, tmp_path):
    done = list(spread_sites(worker_jobs.shifted, stored, SITES, shared=[0.5], n_jobs=n_jobs))
    assert [value for value, _ in done] == EXPECTED
    readers = {int(path.name.removeprefix("read by ")) for path in tmp_path.glob("read by *")}
    assert readers == {pid for _, pid in done}
    assert (os.getpid() in readers) is (n_jobs == 1)


def test_rows_that_are_stored_nowhere_are_read_here_and_sent():
    def read(layer, position):
        return np.full((3, 2), float(layer))

    done = list(spread_sites(worker_jobs.shifted, read, SITES, shared=[0.5], n_jobs=2))
    assert [value for value, _ in done] == EXPECTED


def test_a_killed_worker_of_this_machine_is_one_line():
    with pytest.raises(WorkersError, match=r"killed before its work was done.*memory.*--jobs"):
        list(spread(worker_jobs.killed_always, [[1], [2]], n_jobs=2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "sparc"}, "--backend must be one of loky, dask, ray, got 'sparc'"),
        ({"address": "h:1"}, "--address names a cluster"),
        ({"name": "dask"}, "--backend dask needs the --address"),
        ({"gpus": 1}, "--gpus takes a number"),
        ({"name": "ray", "gpus": -1}, "--gpus takes a number"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, words):
    with pytest.raises(WorkersError, match=words):
        Backend(**options)


@pytest.mark.parametrize("backend", ["ray", "dask"])
def test_an_address_where_nobody_answers_is_refused_in_one_line(backend):
    address = "127.0.0.1:9" if backend == "ray" else "tcp://127.0.0.1:9"
    with (
        pytest.raises(WorkersError, match=r"answers at .*127\.0\.0\.1:9") as refusal,
        Backend(name=backend, address=address).working(),
    ):
        pass
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("ray", r"is no head of a Ray cluster: its port is 6379"),
        ("dask", r"^what answers .* is no scheduler of"),
    ],
)
def test_an_address_where_something_else_answers_is_refused_and_not_waited_for(monkeypatch, backend, words):
    """As at the port of a dashboard; both engines would try for minutes, or for ever."""
    for module in (dask_cluster, ray_connection):
        monkeypatch.setattr(module, "_REACH", 0.3)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler) as page:
        Thread(target=page.serve_forever, daemon=True).start()
        address = f"{'tcp://' if backend == 'dask' else ''}127.0.0.1:{page.server_port}"
        with pytest.raises(WorkersError, match=words), Backend(name=backend, address=address).working():
            pass
        page.shutdown()


def test_an_address_that_is_none_is_refused():
    for address in ("ray://head:10001", "head", "head:port"):
        with (
            pytest.raises(WorkersError, match="is host:port of its head"),
            Backend(name="ray", address=address).working(),
        ):
            pass


def test_one_process_works_on_one_job_at_a_time():
    assert (n_workers(1), n_workers(2)) == (1, 2)


class CrowdedCluster:
    """A cluster whose one node is large enough, whoever else uses it."""

    def nodes(self):
        return [{"Resources": {"CPU": 8.0}}]


def test_a_cluster_that_others_use_is_waited_for_and_the_log_says_so_once(caplog):
    lack = Lack(CrowdedCluster(), cpus=4, gpus=0)
    for _ in range(400):
        lack.refuse_if_long(1.0)
        lack.tell_if_long(1.0)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "has begun for 121 seconds: each needs 4 CPUs and 0 GPUs" in line


def test_jobs_are_taken_as_workers_get_free_and_results_come_in_order():
    """Two workers: four jobs are on their way before the first result is asked for, and never more."""
    submitted, most = [], 0

    def result(job):
        nonlocal most
        most = max(most, len(submitted) - job)
        return job

    jobs = ([n] for n in range(20))
    results = in_order(
        jobs, submit=lambda job: submitted.append(job[0]) or job[0], result=result, n_workers=lambda: 2
    )
    assert list(results) == [*range(20)]
    assert most == 4


def test_what_is_not_waited_for_is_forgotten_where_the_caller_stops():
    forgotten = []
    results = in_order(
        ([n] for n in range(20)),
        submit=lambda job: job[0],
        result=lambda job: job,
        n_workers=lambda: 2,
        forget=forgotten.append,
    )
    assert next(results) == 0
    results.close()
    assert forgotten == [1, 2, 3]
