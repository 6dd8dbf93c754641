"""Soft locks: a killed holder here is known, one elsewhere that gives signs is waited for, a silent named."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import psutil
import pytest
from cache_source import IDENTITY, assert_holds, fill, row_keys
from filelock import StrictSoftFileLock

from unsinter.cache import ActivationStore, CacheError, gc
from unsinter.cache.atomic import cache_lock, sweep
from unsinter.cache.errors import SilentHolderError
from unsinter.cache.places import locks, soft_locks
from unsinter.cache.places.namespaces import bare_host
from unsinter.cache.places.network_mounts import network_mount
from unsinter.cache.places.soft_locks import files_of, has_ended, soft_path

FILLER = Path(__file__).parents[2] / "samples" / "filling_process.py"

HOLD = """
import sys, time
from pathlib import Path
from unsinter.cache.atomic import cache_lock
with cache_lock(Path(sys.argv[1]), wait=True) as is_mine:
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _soft(monkeypatch):
    monkeypatch.setenv("UNSINTER_LOCKS", "soft")


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "locks" / "x.safetensors.lock"


@pytest.fixture
def holder(lock):
    """A process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def move_elsewhere(lock, *, host=None, boot=None, process=None):
    """Write the claims of a lock anew as another machine would have: other host, boot, process."""
    claims = files_of(lock)[2] / "claims"
    for path in claims.glob("*.claim"):
        magic, token, pid, hostname, start, end = path.read_text().split("\n")
        if host is not None:
            hostname = host.encode().hex()
        if boot is not None:
            start = str((boot << 64) | int(start) % 2**64)
        path.write_text("\n".join([magic, token, str(process or pid), hostname, start, end]))


def test_one_holds_it_and_who_is_written_down(lock, holder):
    with cache_lock(lock, wait=False) as is_mine:
        assert not is_mine
    (claim, _) = sorted(StrictSoftFileLock(soft_path(lock)).claims, key=lambda claim: claim.state)
    note = json.loads(files_of(lock)[1].read_text())
    assert claim.pid == note["process"] == holder.pid
    assert note["host"] == socket.gethostname()
    assert note["since"].endswith("UTC")


def test_the_lock_of_a_process_that_was_killed_here_is_taken_at_once(lock, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with cache_lock(lock, wait=False) as is_mine:
        assert is_mine
    assert not files_of(lock)[1].exists()


def test_a_stopped_process_still_holds_its_lock(lock, holder):
    holder.send_signal(signal.SIGSTOP)
    with cache_lock(lock, wait=False) as is_mine:
        assert not is_mine


def test_of_threads_that_race_one_at_a_time_is_inside(lock):
    inside, most = [], []

    def work():
        for _ in range(5):
            with cache_lock(lock, wait=True):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.002)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 20
    assert max(most) == 1


@pytest.mark.parametrize("other", [{"host": "elsewhere"}, {"boot": 12345}])
def test_a_holder_elsewhere_is_not_taken_for_dead_though_host_names_are_equal(lock, holder, other):
    """Its process number means nothing here, whether the host has another name or is another of that name."""
    holder.kill()
    holder.wait()
    move_elsewhere(lock, **other)
    assert not any(has_ended(claim) for claim in StrictSoftFileLock(soft_path(lock)).claims)
    with cache_lock(lock, wait=False) as is_mine:
        assert not is_mine


def test_a_silent_holder_elsewhere_is_named_with_what_to_do(lock, holder, monkeypatch):
    monkeypatch.setattr(soft_locks, "SILENT_SECONDS", 1.5)
    holder.kill()
    holder.wait()
    move_elsewhere(lock, host="node7")
    with pytest.raises(SilentHolderError) as silence, cache_lock(lock, wait=True):
        pass
    text, claims = str(silence.value), files_of(lock)[2]
    assert text.startswith(f"{lock}: this lock is held since 2")
    assert f"UTC by process {holder.pid} on host {socket.gethostname()}" in text
    assert f"remove {claims} " in text
    assert "\n" not in text
    # What the line says to do is enough.
    soft_locks.remove_files(lock)
    with cache_lock(lock, wait=False) as is_mine:
        assert is_mine


def test_a_holder_elsewhere_that_gives_signs_is_waited_for(lock, monkeypatch):
    monkeypatch.setattr(soft_locks, "SILENT_SECONDS", 2.0)
    monkeypatch.setattr(soft_locks, "BEAT_SECONDS", 0.1)
    with cache_lock(lock, wait=True):
        move_elsewhere(lock, host="node7")
        outcome = []

        def wait():
            with cache_lock(lock, wait=True) as is_mine:
                outcome.append(is_mine)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(5)
        assert thread.is_alive()
    thread.join(30)
    assert outcome == [True]


def test_a_shard_whose_claimant_elsewhere_is_silent_is_computed_here_too(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(soft_locks, "SILENT_SECONDS", 1.5)
    store = ActivationStore.open(tmp_path, IDENTITY)
    (plan,) = store.missing(row_keys(8), layers=[0, 1, 5], positions=["instruction_end", "template_end"])
    claim = store._folder.lock_of(plan.name(store.key, "bfloat16"))
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(claim)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate()
    move_elsewhere(claim, host="node7")
    assert gc(tmp_path, dry_run=True).in_use in ((), (store.path,))
    assert fill(store, row_keys(8)).shards_computed == 1
    assert_holds(store, row_keys(8))
    assert "Its shard is computed here too, which changes no result." in caplog.text


def test_a_damaged_lock_is_named_with_the_files_to_remove_and_keeps_no_shard_from_being_stored(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(soft_locks, "_DAMAGED_SECONDS", 0.1)
    store = ActivationStore.open(tmp_path, IDENTITY)
    (plan,) = store.missing(row_keys(8), layers=[0, 1, 5], positions=["instruction_end", "template_end"])
    claim = store._folder.lock_of(plan.name(store.key, "bfloat16"))
    with soft_locks.soft_lock(claim, wait=True):
        shutil.copytree(claim.parent, tmp_path / "held")
    shutil.copytree(tmp_path / "held", claim.parent, dirs_exist_ok=True)
    for written in (files_of(claim)[2] / "claims").glob("*.claim"):
        written.write_bytes(b"")
    with cache_lock(claim, wait=False) as is_mine:
        assert not is_mine
    with pytest.raises(SilentHolderError, match=r"this lock is damaged \(.*\), as by a power cut") as silence:
        cache_lock(claim, wait=True).__enter__()
    text = str(silence.value)
    assert f"remove {files_of(claim)[2]}, " in text
    assert "\n" not in text
    assert "disk" not in text
    assert gc(tmp_path).in_use in ((), (store.path,))
    assert fill(store, row_keys(8)).shards_computed == 1
    assert_holds(store, row_keys(8))
    assert "Its shard is computed here too, which changes no result." in caplog.text


def test_gc_leaves_a_folder_alone_in_which_a_process_elsewhere_claims_a_shard(tmp_path):
    store = ActivationStore.open(tmp_path, IDENTITY)
    fill(store, row_keys(8))
    claim = store._folder.lock_of("a" * 40 + ".safetensors")
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(claim)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    assert gc(tmp_path).in_use == (store.path,)
    process.kill()
    process.communicate()
    assert gc(tmp_path).in_use == ()
    move_elsewhere(claim, host="node7")
    assert gc(tmp_path, dry_run=False).in_use == (store.path,)
    soft_locks.remove_files(claim)
    store._use.close()
    assert gc(tmp_path, dry_run=False).removed
    assert not store.path.exists()


def test_processes_that_fill_at_once_under_soft_locks_share_the_work_and_leave_the_bytes_of_one(tmp_path):
    alone = ActivationStore.open(tmp_path / "alone", IDENTITY)
    n_shards = fill(alone, row_keys(60)).shards_computed
    logs = [tmp_path / f"log{number}" for number in range(3)]
    arguments = [[str(tmp_path / "together"), str(log), "60", "3", "kept"] for log in logs]
    processes = [subprocess.Popen([sys.executable, str(FILLER), *words]) for words in arguments]
    for process in processes:
        assert process.wait(300) == 0
    lines = [line for log in logs for line in log.read_text().splitlines()]
    assert len(lines) == len(set(lines)) == n_shards
    together = tmp_path / "together" / alone.key
    for name in ("shards", "index.bin"):
        paths = sorted((alone.path / name).iterdir()) if name == "shards" else [alone.path / name]
        for path in paths:
            assert (together / path.relative_to(alone.path)).read_bytes() == path.read_bytes()
    assert not list((together / "locks").glob("*.safetensors.*"))  # a finished shard keeps no lock


def test_locks_on_a_network_mount_are_soft_unless_a_setting_says_otherwise(tmp_path, monkeypatch):
    part = namedtuple("part", "mountpoint fstype")
    mounts = [part("/", "ext4"), part(str(tmp_path / "far"), "nfs4")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    assert network_mount(tmp_path / "far") == (str(tmp_path / "far"), "nfs4")
    locks._is_on_network.cache_clear()
    near, far = tmp_path / "near", tmp_path / "far"
    kinds = {}
    for setting in ("auto", "soft", "kernel"):
        monkeypatch.setenv("UNSINTER_LOCKS", setting)
        kinds[setting] = locks.has_soft_locks(near), locks.has_soft_locks(far)
    locks._is_on_network.cache_clear()
    assert kinds == {"auto": (False, True), "soft": (True, True), "kernel": (False, False)}


def test_an_unknown_kind_of_lock_is_refused_in_one_line(lock, monkeypatch):
    monkeypatch.setenv("UNSINTER_LOCKS", "hard")
    with pytest.raises(CacheError, match=r"UNSINTER_LOCKS is 'hard'; set it to one of") as refusal:
        fill(ActivationStore.open(lock.parent, IDENTITY), row_keys(4))
    assert "\n" not in str(refusal.value)
    assert "disk" not in str(refusal.value)


def test_an_unfinished_file_of_another_container_of_the_same_host_name_stays(tmp_path):
    """The number of its process means nothing here: none of that number may run."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    theirs = tmp_path / f".x.{bare_host()}+0123abcd-{dead.pid}-ab.tmp"
    theirs.write_bytes(b"")
    sweep(tmp_path / "x")
    assert theirs.exists()
    os.utime(theirs, (1, 1))
    sweep(tmp_path / "x")
    assert not theirs.exists()
