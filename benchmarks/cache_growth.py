"""What a cache costs as it grows: commits, opening, planning and listing at 10 k, 100 k and 1 M rows.

A part of `benchmarks/scale.py`. A cache of that many rows is laid out with synthetic entries of 512 rows each
(no shards behind them), then real shards of 512 rows are committed to it, folds included, and the cost of
each is told in wall and in processor time. Opening, planning a request for every row and `ls` run in
processes of their own, which say their peak memory. `format 1` is the same index as versions before wrote it.
The bar: commits at the largest size cost no more than 1.5 times those at the smallest in processor time;
opening under 2 s and 1 GiB.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe

from unsinter.cache import ShardPlan, ls
from unsinter.cache.entries import IndexFile, ShardEntry, encode_earlier
from unsinter.cache.folding import fold_if_due, write_index
from unsinter.cache.key import canonical, identity_key
from unsinter.cache.manifest import Folder
from unsinter.cache.plan import plan_missing
from unsinter.cache.writing import write_shard

IDENTITY = {"weights": "benchmark", "dtype": "float32"}
KEY = identity_key(IDENTITY)
PER_SHARD, WIDTH = 512, 8
REPEATS = 1
BARS = {"growth": 1.5, "open_seconds": 2.0, "open_bytes": 2**30}


def row_keys(first: int, n: int) -> tuple[str, ...]:
    """Return n row keys."""
    return tuple(hashlib.sha256(str(number).encode()).hexdigest() for number in range(first, first + n))


def plans(first: int, n: int) -> Iterator[ShardPlan]:
    """Yield shards of 512 rows each that together hold n rows."""
    for start in range(first, first + n, PER_SHARD):
        rows = row_keys(start, min(PER_SHARD, first + n - start))
        yield ShardPlan(rows=rows, layers=(12,), positions=("template_end",))


def lay_out(root: Path, n_rows: int, *, earlier: bool = False) -> Folder:
    """Make a folder whose index lists n_rows rows, in this format or in the earlier one."""
    folder = Folder(root / KEY)
    for path in (folder.shards, folder.entries, folder.locks):
        path.mkdir(parents=True)
    folder.identity.write_bytes(canonical(IDENTITY))
    entries = {
        plan.name(KEY, "float32"): ShardEntry.for_plan(
            plan, dtype="float32", d_model=WIDTH, n_bytes=50_000, header_sha256="0" * 64
        )
        for plan in plans(0, n_rows)
    }
    if earlier:
        folder.manifest.write_bytes(b"".join(encode_earlier(entries, KEY)))
    else:
        write_index(folder, IndexFile(entries=entries, next=len(entries)))
    return folder


def commit(folder: Folder, *, first: int, n_commits: int) -> dict[str, float]:
    """Store shards of rows that the folder lacks; return what one commit costs."""
    values = np.random.default_rng(0).standard_normal((1, PER_SHARD, WIDTH)).astype(np.float32)
    folder.load().names_holding(next(plans(0, PER_SHARD)))  # opened, as a filler has it before it computes
    new = list(plans(first, n_commits * PER_SHARD))
    wall, processor = [], time.process_time()
    for plan in new:
        begin = time.perf_counter()
        write_shard(folder, plan, [values], dtype="float32")
        fold_if_due(folder)
        wall.append(time.perf_counter() - begin)
    processor = time.process_time() - processor
    return {
        "commits": n_commits,
        "commits_per_second": round(n_commits / sum(wall), 1),
        "commits_per_processor_second": round(n_commits / processor, 1),
        "median_ms": round(1e3 * statistics.median(wall), 2),
        "slowest_ms": round(1e3 * max(wall), 1),
    }


def in_own_process(action: str, root: Path, n_rows: int) -> dict[str, float]:
    """Return seconds and peak memory of an action that runs alone in a process, the quickest of `REPEATS`."""
    command = [sys.executable, __file__, "--action", action, "--folder", str(root), "--rows", str(n_rows)]
    runs: list[dict[str, float]] = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(REPEATS)
    ]
    return min(runs, key=lambda run: run["seconds"])


def peak_bytes() -> int:
    """Return the most memory that this process had by now, without its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def act(action: str, root: Path, n_rows: int) -> dict[str, float]:
    """Open, plan or list, and say what it took."""
    rows = row_keys(0, n_rows) if action == "plan" else ()
    before = peak_bytes()
    begin, processor = time.perf_counter(), time.process_time()
    if action == "list":
        assert [holding.rows for holding in ls(root)] == [n_rows]
    else:
        index = Folder(root / KEY).load()
        request = ShardPlan(rows=rows or row_keys(0, 1), layers=(12,), positions=("template_end",))
        assert plan_missing(index, request, rows_per_shard=PER_SHARD) == []
    return {
        "seconds": round(time.perf_counter() - begin, 3),
        "processor_seconds": round(time.process_time() - processor, 3),
        "peak_bytes": peak_bytes(),
        "peak_bytes_before": before,
    }


def measure(folder: Path, n_rows: int, n_commits: int) -> dict[str, Any]:
    """Return everything that is measured at one size."""
    root, earlier = folder / str(n_rows), folder / f"{n_rows}-format1"
    store = lay_out(root, n_rows)
    lay_out(earlier, n_rows, earlier=True)
    return {
        "shards": len(store.load()),
        "index_bytes": store.index.stat().st_size,
        **{name: in_own_process(name, root, n_rows) for name in ("open", "plan", "list")},
        "open, format 1": in_own_process("open", earlier, n_rows),
        "commit": commit(store, first=n_rows, n_commits=n_commits),
    }


def measured(sizes: list[int], folder: Path, *, n_commits: int) -> dict[str, Any]:
    """Return the figures of all sizes, and which bars they meet."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rows = {str(n_rows): measure(folder, n_rows, n_commits) for n_rows in sizes}
    rates = [own["commit"]["commits_per_processor_second"] for own in rows.values()]
    largest = rows[str(max(sizes))]["open"]
    met = {
        "growth": rates[0] / rates[-1] <= BARS["growth"],
        "open_seconds": largest["seconds"] < BARS["open_seconds"],
        "open_bytes": largest["peak_bytes"] < BARS["open_bytes"],
    }
    return {"machine": describe(), "bars": BARS, "met": met, "rows": rows}


def main() -> None:
    """Do what a process of its own is started for, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--action", "--folder", "--rows"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    print(json.dumps(act(options.action, Path(options.folder), int(options.rows))))


if __name__ == "__main__":
    main()
