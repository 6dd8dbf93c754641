"""Processes killed at random moments, or racing each other, end with the bytes of one unbroken run."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cache_source
import pytest
from cache_source import IDENTITY, Producer, assert_holds, every_file, fill, row_keys, shard_files

from unsinter.cache import ActivationStore
from unsinter.cache.entries import IndexFile
from unsinter.cache.folding import write_index
from unsinter.cache.manifest import Folder

FILLING_PROCESS = Path(cache_source.__file__).with_name("filling_process.py")
N_ROWS = 120
N_SHARDS = 15


def start(root: Path, log: Path, *, together: int = 1, locks: str = "kernel") -> subprocess.Popen:
    """Start a process that fills root; of several `together` none goes on before all hold a first shard."""
    arguments = [str(root), str(log), str(N_ROWS), str(together), locks]
    return subprocess.Popen([sys.executable, str(FILLING_PROCESS), *arguments], stderr=subprocess.PIPE)


def finish(process: subprocess.Popen) -> None:
    """Wait for a process; its error is the test's."""
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error.decode()


def computed(log: Path) -> list[str]:
    """The shards whose computation a process finished."""
    return log.read_text().splitlines()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> dict[str, bytes]:
    """Every file of a cache filled by one process that nobody disturbed."""
    root = tmp_path_factory.mktemp("unbroken")
    fill(ActivationStore.open(root, IDENTITY), row_keys(N_ROWS))
    return every_file(root)


def kill_at(process: subprocess.Popen, log: Path, *, seconds: float, beyond: int = 0) -> bool:
    """Send SIGKILL some seconds after the process began to fill, or has done ``beyond`` shards in its log.

    False if it had finished by then.
    """
    while not (log.exists() and len(computed(log)) >= beyond) and process.poll() is None:
        time.sleep(0.0005)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def seconds_to_store(tmp_path_factory) -> list[float]:
    """When an undisturbed process has stored its first, second, ... shard, imports aside."""
    folder = tmp_path_factory.mktemp("seconds")
    process = start(folder / "cache", folder / "log")
    while not (folder / "log").exists():
        time.sleep(0.0005)
    begin = time.monotonic()
    seconds: list[float] = []
    while len(seconds) < N_SHARDS:
        n_new = len(shard_files(folder / "cache")) - len(seconds)
        seconds += [time.monotonic() - begin] * n_new
        time.sleep(0.0005)
    finish(process)
    return seconds


@pytest.mark.slow
def test_fifty_sigkills_each_lose_at_most_one_shard_and_each_rerun_ends_with_the_bytes_of_an_unbroken_run(
    tmp_path, unbroken, seconds_to_store
):
    moment, n_kills, n_midway = random.Random(0), 0, 0
    while n_kills < 50:
        root, log = tmp_path / f"cache{n_kills}", tmp_path / f"log{n_kills}"
        log.unlink(missing_ok=True)
        # By what is done rather than by the clock, since the machine may be busier than a moment ago.
        seconds, beyond = moment.random() * seconds_to_store[-1] / N_SHARDS, moment.randrange(N_SHARDS)
        killed = kill_at(start(root, log), log, seconds=seconds, beyond=beyond)
        if not killed:
            shutil.rmtree(root)
            continue
        n_kills += 1
        n_computed, n_kept = len(computed(log)), len(shard_files(root))
        n_midway += 0 < n_kept < N_SHARDS
        assert n_computed - n_kept <= 1
        report = fill(ActivationStore.open(root, IDENTITY), row_keys(N_ROWS))
        assert report.shards_computed == N_SHARDS - n_kept
        assert every_file(root) == unbroken
    assert n_midway >= 20  # the kills fell into the work, not around it


@pytest.mark.slow
def test_a_cache_killed_over_and_over_gets_done_and_ends_with_the_bytes_of_an_unbroken_run(
    tmp_path, unbroken, seconds_to_store
):
    """A busy machine kills one cache more often than a fast one: as many caches as ten kills take."""
    moment, n_kills = random.Random(1), 0
    for number in range(50):
        root, n_computed, n_attempts, killed = tmp_path / f"cache{number}", 0, 0, True
        while killed:
            log = tmp_path / f"log{number}_{n_attempts}"
            before = len(shard_files(root))
            seconds = moment.random() * seconds_to_store[-1] / N_SHARDS
            killed = kill_at(start(root, log), log, seconds=seconds, beyond=moment.randrange(4))
            n_attempts += 1
            n_computed += len(computed(log))
            assert len(computed(log)) - (len(shard_files(root)) - before) <= 1
        assert n_computed <= N_SHARDS + n_attempts - 1
        assert every_file(root) == unbroken
        n_kills += n_attempts - 1
        if n_kills >= 10:
            return
    pytest.fail(f"only {n_kills} processes were killed before they had finished")


@pytest.mark.parametrize("n_processes", [2, 4])
def test_processes_filling_at_once_end_with_the_bytes_of_one_and_no_row_twice(
    tmp_path, unbroken, n_processes
):
    root = tmp_path / "cache"
    logs = [tmp_path / f"log{number}" for number in range(n_processes)]
    for process in [start(root, log, together=n_processes) for log in logs]:
        finish(process)
    assert every_file(root) == unbroken
    lines = [line for log in logs for line in computed(log)]
    assert len(lines) == len(set(lines)) == N_SHARDS
    assert all(computed(log) for log in logs)  # they did share the work


def test_processes_without_working_locks_still_end_with_the_same_bytes(tmp_path, unbroken):
    root = tmp_path / "cache"
    logs = [tmp_path / f"log{number}" for number in range(3)]
    for process in [start(root, log, together=len(logs), locks="none") for log in logs]:
        finish(process)
    assert {name: raw for name, raw in every_file(root).items() if "locks" not in name} == {
        name: raw for name, raw in unbroken.items() if "locks" not in name
    }


def test_studies_that_overlap_and_fill_at_once_store_no_row_twice(tmp_path):
    root, rows = tmp_path / "cache", row_keys(60)
    inner = ActivationStore.open(root, IDENTITY)
    outer = ActivationStore.open(root, IDENTITY)

    def meanwhile(asked_rows, layers, positions):
        fill(
            inner, rows[5:30], rows_per_shard=100
        )  # another study stores some of them while these are computed
        return Producer()(asked_rows, layers, positions)

    fill(outer, rows, rows_per_shard=20, produce=meanwhile)
    stored = [row for entry in Folder(outer.path).load().values() for row in entry.plan.rows]
    assert sorted(stored) == sorted(rows)
    assert_holds(outer, rows)


def test_a_shard_renamed_but_not_listed_is_adopted_and_not_computed_again(tmp_path, unbroken):
    store = ActivationStore.open(tmp_path, IDENTITY)
    fill(store, row_keys(N_ROWS))
    folder = Folder(store.path)
    entries = dict(folder.load())
    del entries[min(entries)]
    write_index(folder, IndexFile(entries=entries, next=len(entries)))
    report = fill(store, row_keys(N_ROWS))
    assert (report.shards_adopted, report.shards_computed) == (1, 0)
    assert every_file(tmp_path) == unbroken


@pytest.mark.parametrize("owner", ["dead process here", "another machine, long ago"])
def test_unfinished_copies_of_a_dead_writer_are_gone_after_the_next_run(tmp_path, unbroken, owner):
    dead = subprocess.Popen(["true"])
    dead.wait()
    store = ActivationStore.open(tmp_path, IDENTITY)
    fill(store, row_keys(N_ROWS))
    host = socket.gethostname().replace(".", "_") if owner == "dead process here" else "elsewhere"
    for path in (shard_files(tmp_path)[0], store.path / "index.bin"):
        leftover = path.with_name(f".{path.name}.{host}-{dead.pid}-abcd.tmp")
        leftover.write_bytes(b"half")
        os.utime(leftover, (0, 0))
    fill(store, row_keys(N_ROWS))
    assert every_file(tmp_path) == unbroken


def test_the_unfinished_copy_of_a_live_writer_is_left_alone(tmp_path):
    store = ActivationStore.open(tmp_path, IDENTITY)
    fill(store, row_keys(N_ROWS))
    path = shard_files(tmp_path)[0]
    leftovers = [
        path.with_name(f".{path.name}.{socket.gethostname().replace('.', '_')}-{os.getppid()}-abcd.tmp"),
        path.with_name(f".{path.name}.elsewhere-1-abcd.tmp"),
    ]
    for leftover in leftovers:
        leftover.write_bytes(b"half")
    fill(store, row_keys(N_ROWS))
    assert all(leftover.exists() for leftover in leftovers)
