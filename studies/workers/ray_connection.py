"""From an address to a Ray cluster that has what a study needs, or to one line that says what is amiss."""

import atexit
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from threading import Thread
from typing import Any

from unsinter.cache.errors import one_line
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.first_word import first_word
from unsinter.studies.workers.ray_cluster import TRIES, RayCluster
from unsinter.studies.workers.versions import described_by_value, library_and_python, other_version

_REACH, _ANSWER, _LEAVE = 10.0, 120.0, 10.0
"""Seconds for a connection, for a node to say what it has, and to take leave of a head that is gone."""

_HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How a client of HTTP/2 begins, which a head of Ray speaks: its preface, and settings without any."""
_KIND, _SETTINGS = 3, b"\x04"
"""Where a frame of HTTP/2 says its kind, and what the kind of settings is."""


@contextmanager
def connected(address: str | None, *, gpus: int | None = None) -> Iterator[RayCluster]:
    """Connect to a cluster, or start one on this machine where no address is named, and leave it at the end.

    Parameters
    ----------
    gpus : of a node that each model takes; None takes one where the cluster has any.

    Raises
    ------
    WorkersError : Ray is not installed, no cluster answers, or it lacks what the study needs.
    """
    ray = _library()
    _refuse_no_answer(address)
    threads = {name: os.environ[name] for name in ("OMP_NUM_THREADS",) if name in os.environ}
    try:
        ray.init(
            address=address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": threads} if threads else None,
        )
    except Exception as error:
        raise WorkersError(_not_connected(address, error)) from error
    cluster = None
    try:
        cluster = RayCluster(ray=ray, gpus=0)
        cluster.gpus = _gpus(cluster, gpus)
        _refuse_other_nodes(cluster)
        yield cluster
    finally:
        if cluster is not None and cluster.is_lost:  # leave of a head that is gone may never end
            leaving = Thread(target=ray.shutdown, daemon=True)
            leaving.start()
            leaving.join(_LEAVE)
            atexit.unregister(ray.shutdown)
        else:
            ray.shutdown()


def _library() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray warns it will do anyway
    os.environ.setdefault("RAY_task_oom_retries", str(TRIES))
    try:
        import ray
    except ImportError as error:
        raise WorkersError(
            "--backend ray needs Ray, which is not installed; pip install '.[ray]' in unsinter's "
            "repository, here and on every node."
        ) from error
    return ray


def _refuse_no_answer(address: str | None) -> None:
    """Raise WorkersError unless an address is host:port and somebody listens there; Ray would try long."""
    named = address if address not in (None, "auto") else os.environ.get("RAY_ADDRESS") or None
    if named in (None, "auto", "local"):
        return
    host, _, port = str(named).rpartition(":")
    if not host or "//" in host or not port.isdecimal():
        raise WorkersError(
            f"{_source_of(address)} of a Ray cluster is host:port of its head, as 10.0.0.1:6379, got "
            f"{str(named)[:80]!r}; run on a machine of the cluster."
        )
    try:
        answer = first_word(host.strip("[]"), int(port), _HTTP_2, seconds=_REACH)
    except (OSError, OverflowError) as error:
        raise WorkersError(
            f"no Ray cluster answers at {named}, which {_source_of(address)} names ({one_line(error)}); "
            "start one with `ray start --head`."
        ) from error
    # A server of HTTP/2 answers with its settings; behind TLS it says nothing that can be read here.
    if answer[_KIND : _KIND + 1] != _SETTINGS and os.environ.get("RAY_USE_TLS", "0") in {"", "0"}:
        raise WorkersError(
            f"what answers at {named}, which {_source_of(address)} names, is no head of a Ray cluster: its "
            "port is 6379 unless `ray start --port` named another (8265 is that of the dashboard)."
        )


def _source_of(address: str | None) -> str:
    """Return what names the cluster: the option, or the variable that Ray reads without one."""
    return "--address" if address not in (None, "auto") else "RAY_ADDRESS"


def _not_connected(address: str | None, error: Exception) -> str:
    if "version mismatch" in (text := one_line(error)).lower():
        ours = f"Python {platform.python_version()}, Ray {metadata.version('ray')}"
        return f"the Ray cluster at {address} runs other versions than this process ({ours}): {text[:300]}"
    where = f"at {address}" if address else "of this machine"
    return f"the Ray cluster {where} cannot be used: {text[:300]}"


def _gpus(cluster: RayCluster, wanted: int | None) -> int:
    """Return how many GPUs each model takes, and refuse a cluster on which no model would ever start."""
    resources = [node["Resources"] for node in cluster.nodes()]
    most = int(max((own.get("GPU", 0) for own in resources), default=0))
    if wanted is not None and wanted > most:
        has = f"a node with {most} at most" if most else "none"
        raise WorkersError(
            f"--gpus {wanted} asks for {wanted} GPUs of one node, and the Ray cluster has {has}; add such "
            "nodes, or give --gpus 0 to compute on CPUs."
        )
    if not any(own.get("CPU", 0) >= 1 for own in resources):
        raise WorkersError(
            "the Ray cluster has no CPU to work on; start its nodes with `ray start --num-cpus`, or wait."
        )
    return min(most, 1) if wanted is None else wanted


def _refuse_other_nodes(cluster: RayCluster) -> None:
    """Ask every node for its versions; one that lacks the library or has another is refused by its name."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ours = library_and_python()
    for node in cluster.nodes():
        on_it = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
        asked_there = cluster.ray.remote(num_cpus=0, max_retries=TRIES, scheduling_strategy=on_it)(
            described_by_value()
        )
        reference, name = asked_there.remote(), node["NodeManagerHostname"]
        try:
            theirs = cluster.ray.get(reference, timeout=_ANSWER)
        except Exception as error:
            raise WorkersError(
                f"node {name} of the Ray cluster cannot run unsinter: {one_line(error)[-300:]}"
            ) from error
        if theirs != ours:
            raise WorkersError(other_version(name, theirs, ours))
