"""Files that are either whole or absent: temporary name in the same folder, fsync, rename, fsync of folder.

A rename within one folder replaces its target atomically on POSIX file systems, and on the server of a
network one; a reader on another machine sees the old file or the new one.
"""

import errno
import glob
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from unsinter.cache.errors import refused

Chunks = Sequence[bytes | memoryview]

_SUFFIX = ".tmp"
_UNFINISHED = re.compile(r"\..+\.(?P<host>[^.]+)-(?P<process>[0-9]+)-[0-9a-f]+\.tmp", re.DOTALL)

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}

_LOCK_ATTEMPTS = 100
"""Times that a lock is tried anew because its folder was removed under it."""

_FOREIGN_WRITER_SECONDS = 3600.0
"""Age at which the unfinished file of another machine is abandoned: no shard takes that long to write."""


def write_atomically(path: Path, chunks: Chunks) -> None:
    """Write the chunks to path, whole or not at all.

    Raises
    ------
    OSError : as the operating system put it; the temporary file is gone by then.
    """
    temporary = write_beside(path, chunks)
    try:
        publish(temporary, path, chunks)
    finally:
        temporary.unlink(missing_ok=True)


def fill_atomically(path: Path, writer: Callable[[Path], object]) -> None:
    """Let ``writer`` make a file, flush it, and move it to path: whole or not at all.

    Raises
    ------
    OSError, and whatever ``writer`` raises : the temporary file is gone by then.
    """
    temporary = _temporary_name(path)
    try:
        writer(temporary)
        flush_file(temporary)
        temporary.replace(path)
        flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_beside(path: Path, chunks: Chunks) -> Path:
    """Write the chunks to a new temporary file beside path, flushed to the disk, and return its name."""
    temporary = _temporary_name(path)
    try:
        with temporary.open("xb", buffering=0) as file:
            for chunk in chunks:
                _write_all(file.fileno(), memoryview(chunk).cast("B"))
            os.fsync(file.fileno())
    except BaseException:  # an interrupt too must leave nothing behind
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def publish(temporary: Path, path: Path, chunks: Chunks) -> None:
    """Rename a flushed temporary file of these chunks to its final name and flush the folder."""
    try:
        temporary.replace(path)
    except FileNotFoundError:
        # Another machine with another clock may have taken it for abandoned.
        write_beside(path, chunks).replace(path)
    flush_folder(path.parent)


def publish_new(temporary: Path, path: Path, chunks: Chunks, *, guard: Path) -> bool:
    """Give a flushed temporary file of these chunks its final name, unless that is taken; say which.

    Of several writers, on several machines, one gets the name. Where the file system has no hard links, the
    lock file ``guard`` is held for the moment of the rename.
    """
    try:
        _link(temporary, path, chunks)
    except FileExistsError:
        # The answer to a first try may be lost on a network, and the second then meets the file itself.
        if not (temporary.exists() and temporary.samefile(path)):
            return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with file_lock(guard, wait=True):
            if path.exists():
                return False
            publish(temporary, path, chunks)
    flush_folder(path.parent)
    return True


def _link(temporary: Path, path: Path, chunks: Chunks) -> None:
    with suppress(FileNotFoundError):
        os.link(temporary, path)
        return
    # Another machine with another clock may have taken it for abandoned.
    anew = write_beside(path, chunks)
    try:
        os.link(anew, path)
    finally:
        anew.unlink(missing_ok=True)


def move_into(path: Path, target: Path) -> None:
    """Rename a file or folder, into another folder maybe, and flush the names in both."""
    path.rename(target)
    for folder in {path.parent, target.parent}:
        flush_folder(folder)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where there is none; each new name is flushed to the disk."""
    if folder.is_dir():
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
    if path.parent.is_dir():
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


@contextmanager
def file_lock(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock file at path for the block; yield False if it is taken and wait is false.

    The kernel releases it when its process dies, by `kill -9` too.
    """
    lock = FileLock(path)
    try:
        _acquire(lock, path, wait=wait)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise refused(error, path) from error
    try:
        yield True
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path, *, wait: bool) -> None:
    gone: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    for _ in range(_LOCK_ATTEMPTS):
        try:
            make_folder(path.parent)
            lock.acquire(timeout=-1 if wait else 0, poll_interval=0.02)
        except (FileNotFoundError, FileExistsError) as error:
            gone = error
            continue  # `gc` removed the empty folder in between, or between two looks at whether it is there
        if path.exists():
            return
        lock.release()  # of a file that `gc` removed meanwhile: it guards nothing
    raise gone


def _temporary_name(path: Path) -> Path:
    owner = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name}.{owner}{_SUFFIX}")


def _may_be_live(temporary: Path) -> bool:
    """Say whether a file may still be written; one whose name is not of our making is somebody else's."""
    owner = _UNFINISHED.fullmatch(temporary.name)
    if owner is None:
        return True
    if owner["host"] != _host():
        return time.time() - temporary.stat().st_mtime < _FOREIGN_WRITER_SECONDS
    try:
        os.kill(int(owner["process"]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return int(owner["process"]) != os.getpid()


def _host() -> str:
    return socket.gethostname().replace(".", "_")


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
