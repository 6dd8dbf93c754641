"""Files that are either whole or absent: temporary name in the same folder, fsync, rename, fsync of folder.

A rename within one folder replaces its target atomically on POSIX file systems, and on the server of a
network one; a reader on another machine sees the old file or the new one.
"""

import os
import secrets
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from unsinter.cache.errors import refused

_SUFFIX = ".tmp"


def write_atomically(path: Path, chunks: Iterable[bytes | memoryview]) -> int:
    """Write the chunks to path, whole or not at all, and return their number of bytes.

    Raises
    ------
    OSError : as the operating system put it; the temporary file is gone by then.
    """
    temporary = write_beside(path, chunks)
    try:
        n_bytes = temporary.stat().st_size
        publish(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return n_bytes


def write_beside(path: Path, chunks: Iterable[bytes | memoryview]) -> Path:
    """Write the chunks to a new temporary file beside path, flushed to the disk, and return its name."""
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{owner}{_SUFFIX}")
    try:
        with temporary.open("xb", buffering=0) as file:
            for chunk in chunks:
                _write_all(file.fileno(), memoryview(chunk).cast("B"))
            os.fsync(file.fileno())
    except BaseException:  # an interrupt too must leave nothing behind
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def publish(temporary: Path, path: Path) -> None:
    """Rename a flushed temporary file to its final name and flush the folder."""
    temporary.replace(path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk, so that a rename outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporaries(path: Path) -> Iterator[Path]:
    """Yield the temporary files, of live or dead writers, that would have become path."""
    if path.parent.is_dir():
        yield from path.parent.glob(f".{path.name}.*{_SUFFIX}")


def is_temporary(path: Path) -> bool:
    """Say whether a name is one that this module gives to unfinished files."""
    return path.name.startswith(".") and path.name.endswith(_SUFFIX)


def sweep(path: Path) -> None:
    """Remove unfinished files that would have become path; only for where no live writer can need them."""
    for leftover in temporaries(path):
        # Another machine may sweep the same leftover, and one that stays behind is harmless.
        with suppress(OSError):
            leftover.unlink()


@contextmanager
def held(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock file at path for the block; yield False if it is taken and wait is false.

    The kernel releases it when its process dies, by `kill -9` too.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0, poll_interval=0.02)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise refused(error, path) from error
    try:
        yield True
    finally:
        lock.release()


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
