"""One node is removed while it extracts, another while it fits: the run is that of one process."""

import json
import os
import random
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
import yaml

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets and logs of a cluster that is closed
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

N_PROMPTS = 2600  # six shards
N_WORDS = 20  # so that a shard takes about a second, and a node can be met at work on one
TABLES = ("results", "predictions", "floors", "rows")


def prompts():
    """Prompts of random words, so that none are near copies."""
    rng = random.Random(0)
    parts = [a + b for a in "bdfgklmnprstv" for b in ("a", "e", "i", "o", "u")]
    words = ["".join(rng.choices(parts, k=3)) for _ in range(400)]
    return [
        {
            "id": f"p{n}", "harmful": bool(n % 2), "category": "c" if n % 2 else None, "source": "test",
            "prompt": f"{'pick the lock of' if n % 3 else 'draw'} {' '.join(rng.choices(words, k=N_WORDS))}",
            "group": f"g{n}",
        }
        for n in range(N_PROMPTS)
    ]  # fmt: skip


def every_file(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {"references", "locks"} & set(path.parts)
    }


def start(folder, study, out, *options):
    env = dict(os.environ, UNSINTER_CACHE=str(folder / f"cache-{out}"), OMP_NUM_THREADS="1")
    command = [sys.executable, "-c", "from unsinter.studies.cli import app; app()", "run", study.name]
    return subprocess.Popen(
        [*command, "--out", out, *options],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def at_work(node, call):
    """Return the workers of a node that are in the midst of a call; Ray names the process after it."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    workers = []
    for process in raylet.children(recursive=True):
        try:
            if any(part.startswith(f"ray::{call}") for part in process.cmdline()[:1]):
                workers.append(process)
        except psutil.Error:
            continue
    return workers


def stopped_at(node, call):
    """Stop the workers of a node that are in the midst of a call; say whether there are any."""
    workers = at_work(node, call)
    for worker in workers:
        worker.suspend()
    return bool(workers)


def wait_for(condition, process):
    while process.poll() is None:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(process.stdout.read().decode())


def steps(folder):
    """Return what a run's log says by now of the steps of its model."""
    log = folder / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    events = [json.loads(line) for line in lines if line.endswith("}")]
    return [(event["event"], event.get("step", "").removeprefix("tiny: ")) for event in events]


def shards(cache):
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in cache.rglob("*.safetensors")}


def test_the_run_is_that_of_one_process_and_no_stored_row_is_computed_again(
    ray_cluster, write_study, tmp_path
):
    controls = {"permutations": 0, "random_model": False, "layer0_mean": False, "code_length": False}
    study = write_study(
        prompts=prompts(), targets=["D"], layers=[0, 1, 2], positions=["instruction_end", "template_end"],
        controls=controls, transfer=[],
    )  # fmt: skip
    assert start(tmp_path, study, "one").wait() == 0

    first, second = (ray_cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20) for _ in range(2))
    run = start(tmp_path, study, "many", "--backend", "ray", "--address", ray_cluster.address)
    cache = tmp_path / "cache-many"
    # Stopped, its part stays undone however fast the others are; then it is lost with its node.
    wait_for(lambda: stopped_at(first, "Holder.work"), run)
    wait_for(lambda: shards(cache), run)
    stored = shards(cache)
    ray_cluster.remove_node(first, allow_graceful=False)

    # Fits take less time than the start of a worker for them, so the node goes while tasks are handed out.
    wait_for(lambda: ("step done", "floors and activation controls for D") in steps(tmp_path / "many"), run)
    time.sleep(0.5)
    assert ("step done", "probes for D") not in steps(tmp_path / "many"), (
        "the node was to be lost in the middle"
    )
    ray_cluster.remove_node(second, allow_graceful=False)
    out, _ = run.communicate(timeout=900)
    assert run.returncode == 0, out.decode()

    assert every_file(cache) == every_file(tmp_path / "cache-one")
    assert stored.items() <= shards(cache).items()
    for name in TABLES:
        one, many = (pd.read_parquet(tmp_path / out / f"{name}.parquet") for out in ("one", "many"))
        pd.testing.assert_frame_equal(one, many, check_exact=True)
    summary = yaml.safe_load((tmp_path / "many" / "summary.json").read_text(encoding="utf-8"))
    extraction = summary["models"]["tiny"]["extraction"]
    assert (extraction["rows_computed"], extraction["rows_from_cache"]) == (N_PROMPTS, 0)
