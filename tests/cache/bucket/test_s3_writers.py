"""Three processes fill one bucket, one is killed: no row is lost or stored twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import obstore
from cache_source import IDENTITY, LAYERS, POSITIONS, Producer, assert_holds, fill, row_keys
from obstore.store import S3Store
from s3_server import BUCKET

from unsinter.cache import ActivationStore, verify, writing

N_ROWS = 120
FILLER = Path(__file__).parents[2] / "samples" / "filling_process.py"


def shards_in_bucket():
    store = S3Store(BUCKET, client_options={"allow_http": True})
    keys = [meta["path"] for page in obstore.list(store) for meta in page if "/shards/" in meta["path"]]
    return {key.rpartition("/")[2]: bytes(obstore.get(store, key).bytes()) for key in keys}


def test_a_writer_that_comes_second_by_a_moment_reads_nothing_of_the_first_ones_shard(bucket, monkeypatch):
    rows = row_keys(4)
    first, second = (ActivationStore.open(bucket, IDENTITY) for _ in range(2))
    encode = writing.encode

    def meanwhile(*arguments, **named):
        monkeypatch.setattr(writing, "encode", encode)
        fill(first, rows)
        return encode(*arguments, **named)

    monkeypatch.setattr(writing, "encode", meanwhile)
    monkeypatch.setattr(writing, "check_shard", None)  # which reads all of it
    (plan,) = second.missing(rows, layers=LAYERS, positions=POSITIONS)
    second.write(plan, Producer()(plan.rows, plan.layers, plan.positions), dtype="bfloat16")
    assert_holds(second, rows)


def test_three_writers_of_which_one_is_killed_end_with_the_shards_of_one_in_a_folder(bucket, tmp_path):
    rows = row_keys(N_ROWS)
    alone = ActivationStore.open(tmp_path / "alone", IDENTITY)
    n_shards = fill(alone, rows).shards_computed
    logs = [tmp_path / f"log{number}" for number in range(3)]
    writers = [
        subprocess.Popen(
            [sys.executable, str(FILLER), bucket, str(log), str(N_ROWS), "3", "kept"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for log in logs
    ]
    until = time.monotonic() + 300
    while not (logs[0].exists() and logs[0].read_text().count("\n") >= 2):
        assert time.monotonic() < until
        time.sleep(0.002)
    os.kill(writers[0].pid, signal.SIGKILL)
    writers[0].communicate()
    assert writers[0].returncode == -signal.SIGKILL
    for writer in writers[1:]:
        output, _ = writer.communicate(timeout=300)
        assert writer.returncode == 0, output
    in_folder = {path.name: path.read_bytes() for path in (alone.path / "shards").iterdir()}
    assert shards_in_bucket() == in_folder
    store = ActivationStore.open(bucket, IDENTITY)
    assert_holds(store, rows)
    listed = Counter(row for entry in store._folder.load().values() for row in entry.plan.rows)
    assert set(listed) == set(rows)
    assert set(listed.values()) == {1}
    assert fill(store, rows).shards_computed == 0
    assert verify(bucket).findings == ()
    assert sum(log.read_text().count("\n") for log in logs) >= n_shards
