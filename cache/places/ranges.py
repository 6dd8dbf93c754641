"""Bytes of a stored shard by where they begin: of an open file, or of an object in a store."""

import errno
import hashlib
import os
import stat
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from unsinter.cache.places.remote import RemotePath, Status, Version

_HEAD_BYTES = 1 << 18
"""Fetched at once where the beginning of an object is asked for: the header of most shards."""
_AT_A_TIME = 8
_CHUNK = 4 << 20


class Ranges(Protocol):
    """What is read of a shard."""

    def version(self) -> Version:
        """Return what changes when the bytes do."""

    def begin(self) -> None:
        """Have the header fetched in the background, where that takes long."""

    def order(self, offset: int, n_bytes: int) -> None:
        """Have a range fetched in the background, where that can be."""

    def read_into(self, out: memoryview, offset: int) -> int:
        """Fill out with the bytes from an offset on, and return how many there were."""

    def close(self) -> None:
        """Let go of what was opened."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


def open_ranges(path: Path, *, regular: bool = False) -> Ranges:
    """Open a shard.

    Parameters
    ----------
    regular : refuse a pipe or a device here; else it is refused when it is read, as it has no offsets.

    Raises
    ------
    OSError : it is not there or cannot be opened.
    """
    if isinstance(path, RemotePath):
        return ObjectRanges(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode) or (regular and not stat.S_ISREG(mode)):
        os.close(descriptor)
        number = errno.EINVAL if regular else errno.EISDIR
        what = "it is no file but a folder, a pipe or a device" if regular else os.strerror(number)
        raise OSError(number, what, str(path))
    return FileRanges(descriptor)


def first_bytes(file: Ranges, n_bytes: int) -> bytes:
    """Return the first bytes, fewer where there are fewer."""
    raw = bytearray(n_bytes)
    return bytes(raw[: file.read_into(memoryview(raw), 0)])


def digest_from(file: Ranges, offset: int) -> str:
    """Return the SHA-256 of everything from an offset on."""
    total, chunk = hashlib.sha256(), memoryview(bytearray(_CHUNK))
    while n_read := file.read_into(chunk, offset):
        total.update(chunk[:n_read])
        offset += n_read
    return total.hexdigest()


class _Closing:
    """Ranges that are closed at the end of a block."""

    def begin(self) -> None:
        """Have the header fetched in the background, where that takes long."""

    def close(self) -> None:
        """Let go of what was opened."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class FileRanges(_Closing):
    """Ranges of an open file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def version(self) -> Version:
        """Return inode, size and time of change."""
        status = os.fstat(self._descriptor)
        return status.st_ino, status.st_size, status.st_ctime_ns

    def order(self, offset: int, n_bytes: int) -> None:
        """Have a range read from the disk, where the system can and it is not in memory yet."""
        if not hasattr(os, "posix_fadvise"):
            return
        try:
            os.preadv(self._descriptor, [bytearray(1)], offset + n_bytes - 1, os.RWF_NOWAIT)
        except (OSError, AttributeError):  # not in memory, or a system that does not say
            os.posix_fadvise(self._descriptor, offset, n_bytes, os.POSIX_FADV_WILLNEED)

    def read_into(self, out: memoryview, offset: int) -> int:
        """Fill out from the file, in as many reads as the system needs."""
        done = 0
        while done < len(out):
            n_read = os.preadv(self._descriptor, [out[done:]], offset + done)
            if n_read == 0:
                break
            done += n_read
        return done

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class ObjectRanges(_Closing):
    """Ranges of an object, which are fetched as they are ordered, several objects at a time."""

    def __init__(self, path: RemotePath) -> None:
        self._path = path
        self._status: Status | None = None
        self._orders: dict[tuple[int, int], Future[tuple[memoryview, Status]]] = {}

    def begin(self) -> None:
        """Fetch the beginning, in which most headers end, while other objects are read."""
        self.order(0, _HEAD_BYTES)

    def version(self) -> Version:
        """Return the mark of the version, and its size."""
        if self._status is None:
            if not self._orders:
                self.begin()
            self._status = next(iter(self._orders.values())).result()[1]
        return self._status.as_version

    def order(self, offset: int, n_bytes: int) -> None:
        """Have a range fetched by another thread."""
        place = (offset, offset + n_bytes)
        if place not in self._orders:
            self._orders[place] = _fetchers(os.getpid()).submit(self._path.fetch, *place)

    def read_into(self, out: memoryview, offset: int) -> int:
        """Fill out from what was ordered, or from the store."""
        for (start, stop), order in list(self._orders.items()):
            if start <= offset and offset + len(out) <= stop:
                data, self._status = order.result()
                part = data[offset - start : offset - start + len(out)]
                out[: len(part)] = part
                return len(part)
        data, self._status = self._path.fetch(offset, offset + len(out))
        out[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Forget what was fetched."""
        self._orders = {}


@cache
def _fetchers(process: int) -> ThreadPoolExecutor:
    """Return the threads that fetch for this process; those of a parent are not in a fork."""
    return ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="unsinter-fetch")
