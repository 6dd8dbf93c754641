"""Setting the outputs of other settings aside, so that a kill at any moment leaves a run that goes on."""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from unsinter.cache.atomic import (
    make_folder,
    move_into,
    sweep,
    sweep_folder,
    temporaries,
    write_atomically,
)
from unsinter.cache.location import read_regular

STUDY = "study.yaml"

LOCK = ".study.yaml.lock"
"""Held while a run starts in a folder, and while its outputs are written."""

_MOVING = ".moving"
"""What `earlier/N` is called while outputs are moved into it."""


_ABANDONED_SECONDS = 24 * 3600.0


def is_unstarted(folder: Path) -> bool:
    """Say whether a folder holds nothing but what a run leaves that was killed while it wrote its study."""
    ours = set(temporaries(folder / STUDY))
    others = (path for path in folder.iterdir() if path.name != LOCK)
    return all(path.is_file() and (path in ours or _is_unfinished_study(path)) for path in others)


def sweep_unfinished(folder: Path) -> None:
    """Remove the unfinished files and steps of a run folder that no live process can be at work on.

    Names of some say the process and not the machine, so one of today may be another machine's.
    """
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
        sweep_folder(place)
    for path in (*folder.glob(".*.part"), *folder.glob("*/.*.part")):
        parts = path.name.split(".")
        with suppress(OSError):  # another process may sweep the same, and what stays behind is harmless
            if parts[-2].isdecimal() and not _is_alive(int(parts[-2])) and _age(path) > _ABANDONED_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def set_aside(folder: Path, outputs: Sequence[str]) -> Path | None:
    """Move the outputs of a run to `earlier/N`; return where they are, or None where there were none.

    The summary goes first: where it stands, the outputs beside it belong together. The study is copied, and
    stays until another takes its place: a folder without one would be nobody's run.
    """
    moving = folder / "earlier" / _MOVING
    names = [name for name in outputs if name != STUDY and (folder / name).exists()]
    if not names and not moving.is_dir():
        return None
    make_folder(moving)
    if (folder / STUDY).is_file() and not (moving / STUDY).exists():
        sweep(moving / STUDY)
        write_atomically(moving / STUDY, [read_regular(folder / STUDY)])
    for name in sorted(names, key=lambda name: name != "summary.json"):
        _move(folder / name, moving)
    number = 1
    while (aside := folder / "earlier" / str(number)).exists():
        number += 1
    move_into(moving, aside)
    return aside


def is_being_set_aside(folder: Path) -> bool:
    """Say whether a process was killed while it moved the outputs of a run to `earlier/`."""
    return (folder / "earlier" / _MOVING).is_dir()


def _move(path: Path, moving: Path) -> None:
    target, number = moving / path.name, 1
    while target.exists():  # written again by a run between the kill and now
        number += 1
        target = moving / f"{path.name}.{number}"
    move_into(path, target)


def _is_unfinished_study(path: Path) -> bool:
    parts = path.name.split(".")
    is_ours = path.name.startswith(f".{STUDY}.") and path.name.endswith(".part")
    return is_ours and len(parts) == 5 and parts[3].isdecimal() and path.is_file()


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process != os.getpid()
