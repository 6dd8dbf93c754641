"""A process that fills a cache: started, killed and raced by the tests. Arguments: root, log, rows, start
time, and `none` for a file system whose locks do nothing."""

import contextlib
import sys
import time
from pathlib import Path

from cache_source import IDENTITY, Producer, fill, row_keys

from unsinter.cache import ActivationStore, atomic, manifest
from unsinter.cache import fill as fill_module


def main(root: str, log: str, n_rows: str, start: str, locks: str) -> None:
    if locks == "none":
        for module in (atomic, fill_module, manifest):
            module.held = lambda path, wait: contextlib.nullcontext(True)
    producer = Producer()

    def produce(rows, layers, positions):
        values = producer(rows, layers, positions)
        with Path(log).open("a") as file:  # a line per shard whose computation is finished
            file.write(f"{rows[0]} {layers} {positions}\n")
        return values

    Path(log).touch()
    while time.time() < float(start):
        pass
    fill(ActivationStore.open(Path(root), IDENTITY), row_keys(int(n_rows)), produce=produce)


if __name__ == "__main__":
    main(*sys.argv[1:])
