"""A process that fills a cache: started, killed and raced by the tests. Arguments: root, log, rows, how many
processes fill together, and `none` for a file system whose locks do nothing."""

import contextlib
import sys
import time
from pathlib import Path

from cache_source import IDENTITY, Producer, fill, row_keys

from unsinter.cache import ActivationStore, atomic, manifest
from unsinter.cache import fill as fill_module


def wait_for_all(log: Path, suffix: str, n_processes: int) -> None:
    """Leave a file beside the log and wait until every process has left one; alone, do nothing."""
    if n_processes == 1:
        return
    log.with_suffix(suffix).touch()
    until = time.monotonic() + 60
    while len(list(log.parent.glob(f"*{suffix}"))) < n_processes:
        if time.monotonic() > until:
            raise TimeoutError(f"fewer than {n_processes} processes came to {suffix}")
        time.sleep(0.0005)


def main(root: str, log: str, n_rows: str, n_processes: str, locks: str) -> None:
    if locks == "none":
        for module in (atomic, fill_module, manifest):
            module.cache_lock = lambda path, wait: contextlib.nullcontext(True)
    producer = Producer()

    def produce(rows, layers, positions):
        if not producer.calls:
            # Nobody goes on from the first shard before everybody holds one: the work is shared for certain.
            wait_for_all(Path(log), ".claimed", int(n_processes))
        values = producer(rows, layers, positions)
        with Path(log).open("a") as file:  # a line per shard whose computation is finished
            file.write(f"{rows[0]} {layers} {positions}\n")
        return values

    Path(log).touch()
    wait_for_all(Path(log), ".ready", int(n_processes))
    fill(ActivationStore.open(Path(root), IDENTITY), row_keys(int(n_rows)), produce=produce)


if __name__ == "__main__":
    main(*sys.argv[1:])
