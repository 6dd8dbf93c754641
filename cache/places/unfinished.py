"""Names of unfinished files, which tell who writes them, and folders whose names outlive a power cut."""

import glob
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from unsinter.cache.places.namespaces import bare_host, marked_host
from unsinter.cache.places.remote import RemotePath

_SUFFIX = ".tmp"
_UNFINISHED = re.compile(r"\..+\.(?P<host>[^.]+)-(?P<process>[0-9]+)-[0-9a-f]+\.tmp", re.DOTALL)

_FOREIGN_WRITER_SECONDS = 3600.0
"""Age at which the unfinished file of another machine is abandoned: no shard takes that long to write."""


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where there is none; each new name is flushed to the disk."""
    if isinstance(folder, RemotePath) or folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    flush_folder(folder.parent)


def flush_file(path: Path) -> None:
    """Flush a file's bytes to the disk, so that they outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk, so that a rename outlives a power cut."""
    flush_file(folder)


def temporaries(path: Path) -> Iterator[Path]:
    """Yield the temporary files, of live or dead writers, that would have become path."""
    if not isinstance(path, RemotePath) and path.parent.is_dir():
        yield from path.parent.glob(glob.escape(f".{path.name}.") + f"*{_SUFFIX}")


def is_temporary(path: Path) -> bool:
    """Say whether a name is one that this module gives to unfinished files."""
    return path.name.startswith(".") and path.name.endswith(_SUFFIX)


def sweep(path: Path) -> None:
    """Remove the unfinished files of dead writers that would have become path."""
    _remove_abandoned(temporaries(path))


def sweep_folder(folder: Path) -> None:
    """Remove the unfinished files of dead writers from a folder, whatever they would have become."""
    _remove_abandoned(folder.glob(f".*{_SUFFIX}"))


def _remove_abandoned(unfinished: Iterable[Path]) -> None:
    for leftover in unfinished:
        # Another process may sweep the same leftover, and one that stays behind is harmless.
        with suppress(OSError):
            if not _may_be_live(leftover):
                leftover.unlink()


def temporary_name(path: Path) -> Path:
    """Return the name of an unfinished file beside path, which says who writes it."""
    owner = f"{marked_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name}.{owner}{_SUFFIX}")


def _may_be_live(temporary: Path) -> bool:
    """Say whether a file may still be written; one whose name is not of our making is somebody else's."""
    owner = _UNFINISHED.fullmatch(temporary.name)
    if owner is None:
        return True
    if owner["host"] not in {marked_host(), bare_host()}:  # without a mark in names of earlier versions
        return time.time() - temporary.stat().st_mtime < _FOREIGN_WRITER_SECONDS
    try:
        os.kill(int(owner["process"]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return int(owner["process"]) != os.getpid()
