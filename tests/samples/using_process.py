"""A process that uses a cache in one way, beside others: started and ended by the tests of `gc` under use.

Arguments: what to do, the cache's root, and what that takes. It says what it has come to, a line each, and
waits for a line before it ends.
"""

import sys
import time
from pathlib import Path

from cache_source import IDENTITY, LAYERS, POSITIONS, Producer, assert_holds, fill, row_keys

from unsinter.cache import ActivationStore, gc, ls, verify

ROWS = row_keys(32)


def say(text: object) -> None:
    """Tell the test something, and go on."""
    print(text, flush=True)


def wait() -> None:
    """Wait for the test."""
    sys.stdin.readline()


def hold(root: Path, moment: str) -> None:
    """Come to a moment of filling or reading, wait there, and go on to the end."""
    store = ActivationStore.open(root, IDENTITY)
    n_calls = 0

    def produce(rows, layers, positions):
        nonlocal n_calls
        if (n_calls, moment) in ((0, "prepared"), (2, "filling")):
            say(moment)
            wait()
        n_calls += 1
        return Producer()(rows, layers, positions)

    fill(store, ROWS, produce=produce)
    if moment == "noted":  # of a run whose folder is not there yet
        store.keep_for(root / "no such run", ROWS, layers=LAYERS, positions=POSITIONS)
    if moment == "reading":
        store = ActivationStore.open(root, IDENTITY)
    assert_holds(store, ROWS)
    if moment in ("filled", "reading", "noted"):
        say(moment)
        wait()
    assert_holds(store, ROWS)


def fill_and_read(root: Path, place: str) -> None:
    """Fill rows of one's own and rows that others fill too, and read them over and over."""
    store = ActivationStore.open(root, IDENTITY)
    rows = [*ROWS, *row_keys(24, salt=place)]

    def produce(keys, layers, positions):
        time.sleep(0.005)
        return Producer()(keys, layers, positions)

    say("filling")
    for end in range(8, len(rows) + 1, 8):
        fill(store, rows[:end], rows_per_shard=4, produce=produce)
        assert_holds(store, rows[:end])


def fill_roots(place: str) -> None:
    """Fill one cache after another, as the test names them, until it closes the pipe."""
    for line in sys.stdin:
        fill_and_read(Path(line.strip()), place)
        say("done")


def looped(folder: Path, stop: Path, *, check: bool) -> None:
    """Run gc, or verify and ls, on the newest two caches of a folder until told to stop.

    Whatever they raise is the test's.
    """
    say("looping")
    while not stop.exists():
        for root in sorted(folder.glob("cache*"))[-2:]:
            if check:
                ls(root)
                report = verify(root, quarantine=True)
                assert report.is_sound, report.findings
            else:
                gc(root)
                gc(root, dry_run=False)
        time.sleep(0.002)  # the locks are polled, and whoever never lets go of one starves the others


def main(what: str, root: str, rest: str = "") -> None:
    """Do what the first argument says."""
    if what == "hold":
        hold(Path(root), rest)
    elif what == "fill":
        fill_roots(rest)
    elif what == "gc":
        report = gc(Path(root))
        say(f"{len(report.candidates)} candidates, {len(report.in_use)} in use")
    else:
        looped(Path(root), Path(rest), check=what == "verify-loop")


if __name__ == "__main__":
    main(*sys.argv[1:])
