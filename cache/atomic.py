"""Files that are either whole or absent: temporary name in the same folder, fsync, rename, fsync of folder.

A rename within one folder replaces its target atomically on POSIX file systems, and on the server of a
network one; a reader on another machine sees the old file or the new one.
"""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from unsinter.cache.errors import SilentHolderError, refused
from unsinter.cache.places.locks import has_soft_locks
from unsinter.cache.places.remote import RemotePath, Version, version_of
from unsinter.cache.places.soft_locks import SILENT, soft_lock
from unsinter.cache.places.unfinished import flush_file as flush_file
from unsinter.cache.places.unfinished import flush_folder as flush_folder
from unsinter.cache.places.unfinished import is_temporary as is_temporary
from unsinter.cache.places.unfinished import make_folder as make_folder
from unsinter.cache.places.unfinished import sweep as sweep
from unsinter.cache.places.unfinished import sweep_folder as sweep_folder
from unsinter.cache.places.unfinished import temporaries as temporaries
from unsinter.cache.places.unfinished import temporary_name

Chunks = Sequence[bytes | memoryview]

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}

_LOCK_ATTEMPTS = 100
"""Times that a lock is tried anew because its folder was removed under it."""


def write_atomically(path: Path, chunks: Chunks) -> None:
    """Write the chunks to path, whole or not at all.

    Raises
    ------
    OSError : as the operating system put it; the temporary file is gone by then.
    """
    if isinstance(path, RemotePath):
        path.put(chunks, always=True)
        return
    temporary = write_beside(path, chunks)
    try:
        publish(temporary, path, chunks)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming_once(path: Path, chunks: Chunks, *, guard: Path) -> Iterator[Callable[[Path], bool]]:
    """Yield what gives these chunks a name, unless it is taken, and says whether it did.

    Until then they lie in an unfinished file beside path; in a store of objects nowhere. See `publish_new`.
    """
    if isinstance(path, RemotePath):
        yield lambda target: isinstance(target, RemotePath) and target.put(chunks) is not None
        return
    temporary = write_beside(path, chunks)
    try:
        yield lambda target: publish_new(temporary, target, chunks, guard=guard)
    finally:
        temporary.unlink(missing_ok=True)


def replace_seen(path: Path, chunks: Chunks, is_as_seen: Callable[[], bool]) -> Version | None:
    """Give these chunks a name in place of what has it, if that is as it was seen.

    Returns what has the name now; None where another writer was faster. In a file system the look and the
    rename are two steps, between which a lock must be held; a store of objects does both in one.
    """
    if isinstance(path, RemotePath):
        status = path.status()
        now = path.put(chunks, instead=status) if is_as_seen() else None
        return None if now is None else now.as_version
    temporary = write_beside(path, chunks)
    try:
        inode = temporary.stat().st_ino
        if not is_as_seen():
            return None
        publish(temporary, path, chunks)
        written = version_of(path)
        return written if written is not None and written[0] == inode else None
    finally:
        temporary.unlink(missing_ok=True)


def fill_atomically(path: Path, writer: Callable[[Path], object]) -> None:
    """Let ``writer`` make a file, flush it, and move it to path: whole or not at all.

    Raises
    ------
    OSError, and whatever ``writer`` raises : the temporary file is gone by then.
    """
    temporary = temporary_name(path)
    try:
        writer(temporary)
        flush_file(temporary)
        temporary.replace(path)
        flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_beside(path: Path, chunks: Chunks) -> Path:
    """Write the chunks to a new temporary file beside path, flushed to the disk, and return its name."""
    temporary = temporary_name(path)
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
        with cache_lock(guard, wait=True):
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
    if isinstance(path, RemotePath):
        return
    for folder in {path.parent, target.parent}:
        flush_folder(folder)


@contextmanager
def file_lock(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock file at path for the block; yield False if it is taken and wait is false.

    The kernel releases it when its process dies, by `kill -9` too.

    Raises
    ------
    CacheError : the lock cannot be made.
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


@contextmanager
def cache_lock(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a lock of the cache for the block, of the kind that holds where it lies; yield as `file_lock`.

    In a store of objects there are no locks: it is yielded true, and names that are given once decide.

    Raises
    ------
    SilentHolderError : a process elsewhere holds it and gave no sign for minutes, or it is damaged.
    CacheError : the lock cannot be made.
    """
    if isinstance(path, RemotePath):
        yield True
        return
    with ExitStack() as stack:
        try:
            if has_soft_locks(path.parent):
                is_held = stack.enter_context(soft_lock(path, wait=wait))
            else:
                is_held = stack.enter_context(file_lock(path, wait=wait))
        except OSError as error:
            if error.errno == SILENT:
                raise SilentHolderError(f"{path}: this lock is {error.strerror}.") from error
            raise refused(error, path) from error
        yield is_held


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


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
