"""A power cut: what a name stands for was on the disk before the name was, and the name after it."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import file_writers
import pytest
from file_writers import TABLE, WRITERS, in_a_fork

from unsinter.studies.store.damage import set_aside as set_damaged_aside
from unsinter.studies.store.earlier import set_aside
from unsinter.studies.store.run_folder import RunFolder


def begun(folder: Path) -> Path:
    """A run's study and a table, in folders that were not there."""
    run = RunFolder(path=folder / "runs" / "mine", study_text="name: mine\n")
    run.write_study()
    run.write(run.path / "weights" / "one", lambda file: file.write_bytes(b"weights"))
    return run.path


def set_aside_run(folder: Path) -> Path:
    """A run whose outputs are moved to `earlier/`, and a damaged file moved to `damaged/`."""
    run = RunFolder(path=folder, study_text="name: mine\n")
    run.write_study()
    run.write_table("results", TABLE)
    run.write_table("floors", TABLE)
    set_damaged_aside(folder, "floors.parquet", "is damaged")
    return set_aside(folder, ("study.yaml", "results.parquet")) or folder


MORE = [(begun, "runs/mine"), (set_aside_run, "earlier/1")]


def events(action: Callable[[], object], root: Path) -> list[tuple[str, str]]:
    """What a process of its own did below root, in order: files flushed, made and renamed."""
    seen: list[tuple[str, str]] = []
    flush = os.fsync

    def note(what: str, *paths: object) -> None:
        named = [os.path.abspath(os.fsdecode(path)) for path in paths]  # noqa: PTH100 - no links followed
        if all(name.startswith(str(root)) for name in named):
            seen.append((what, "\n".join(named)))

    def on_event(event: str, arguments: tuple) -> None:
        if event in ("os.rename", "os.mkdir"):
            note(event, *arguments[: 2 if event == "os.rename" else 1])

    def flushed(descriptor: int) -> None:
        flush(descriptor)
        note("flush", Path(f"/proc/self/fd/{descriptor}").readlink())

    def run() -> str:
        sys.addaudithook(on_event)
        os.fsync = flushed
        action()
        return json.dumps(seen)

    return [tuple(event) for event in json.loads(in_a_fork(run))]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are told by /proc")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("writer", "name"), [pair for pair in [*WRITERS, *MORE] if pair[1] not in ("log.jsonl", "trials.journal")]
)
def test_every_write_flushes_the_file_before_its_name_and_the_folder_after_it(
    tmp_path, monkeypatch, writer, name
):
    monkeypatch.setattr(file_writers, "limit", nullcontext)
    done = events(lambda: writer(tmp_path), tmp_path)
    assert done
    for place, (what, paths) in enumerate(done):
        if what == "flush":
            continue
        source, *target = (Path(path) for path in paths.split("\n"))
        before = {path for kind, path in done[:place] if kind == "flush"}
        after = {path for kind, path in done[place:] if kind == "flush"}
        if source.name.endswith((".tmp", ".part")) and what == "os.rename":
            assert str(source) in before, paths
        names = [path for path in target or [source] if "lock" not in path.name]  # hold nothing that lasts
        for path in names:
            assert str(path.parent) in after, paths
