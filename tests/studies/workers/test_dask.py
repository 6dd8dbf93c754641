"""Workers of Dask, by joblib's own backend of it."""

import numpy as np
import pytest
import worker_jobs
from distributed import LocalCluster

from unsinter.studies.workers.backend import Backend
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.spread import spread, spread_sites

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


def test_a_scheduler_without_workers_is_refused():
    with LocalCluster(n_workers=0, dashboard_address=":0") as cluster:
        backend = Backend(name="dask", address=cluster.scheduler_address)
        with pytest.raises(WorkersError, match="has no worker"), backend.working():
            pass
