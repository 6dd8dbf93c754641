"""Runs of one study killed at file events and run again; a script, so that it forks before it has threads.

Argument: JSON of study (file), folder, cache, and events: which file events to kill at, or null for all;
changed: a study file that is run into the folder first, so that its outputs are set aside. Prints a line of
JSON: at which events a run was killed, and what failed afterwards.
"""

import json
import os
import shutil
import sys
import traceback
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from kill_at_events import killed_at

from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import load_study
from unsinter.studies.study.run_options import Settings


def in_a_fork(action: Any) -> None:
    """Run action in a process of its own; what it raises is raised here."""
    if killed_at(action, [], 0):
        raise AssertionError("it was killed")


def run(study: str, folder: Path, cache: Path) -> None:
    """Run a study file into a folder, as the verb does."""
    run_study(load_study(Path(study)), Settings(folder=folder, cache_root=cache))


def table_bytes(folder: Path) -> dict[str, bytes]:
    """The tables of a run."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def kill_and_run_again(request: dict[str, Any]) -> dict[str, Any]:
    """Kill a run at each event asked for, run it again, and compare its tables with an unbroken run's."""
    folder, cache = Path(request["folder"]), Path(request["cache"])
    unbroken = folder / "unbroken"
    in_a_fork(lambda: run(request["study"], unbroken, cache))
    before = folder / "before"
    if request.get("changed"):
        in_a_fork(lambda: run(request["changed"], before, cache))
    events: Iterable[int] = count(1) if request["events"] is None else request["events"]
    killed, failed = [], {}
    for number in events:
        here = folder / f"killed{number}"
        if before.is_dir():
            shutil.copytree(before, here)
        if not killed_at(lambda at=here: run(request["study"], at, cache), [here], number):
            shutil.rmtree(here)
            break
        killed.append(number)
        try:
            in_a_fork(lambda at=here: run(request["study"], at, cache))
            if table_bytes(here) != table_bytes(unbroken):
                failed[number] = "its tables differ from those of an unbroken run"
            if before.is_dir() and table_bytes(here / "earlier" / "1") != table_bytes(before):
                failed[number] = "a table of the earlier run was lost"
        except AssertionError:
            failed[number] = traceback.format_exc()[-1500:]
        shutil.rmtree(here)
    return {"killed": killed, "failed": failed}


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    print(json.dumps(kill_and_run_again(json.loads(sys.argv[1]))))
