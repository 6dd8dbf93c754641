"""Clusters of Ray on this machine: small nodes, each with processes of its own."""

import os
from pathlib import Path

import pytest
import worker_jobs

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}


@pytest.fixture
def ray_cluster(monkeypatch):
    """A cluster whose head has one CPU; what ``add_node`` adds is a node like any other."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # at Ray's own 15 a busy machine starves them
    monkeypatch.setenv("PYTHONPATH", str(Path(worker_jobs.__file__).parent))  # of the nodes, which start here
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    yield cluster
    for node in list(cluster.list_all_nodes()):
        cluster.remove_node(node, allow_graceful=False)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
