"""The root of all errors of ours, that of a cache which cannot be used, and words for what was refused."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_REMOVED = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}


class UnsinterError(Exception):
    """Something cannot be done as it was asked: one sentence says what, where, and what to do.

    Every error of ours is one of its kinds, and of the builtin error that it is (`ValueError`, say). An error
    of another class that leaves the library is a fault of the library.
    """


class CacheError(UnsinterError, ValueError):
    """A file of the cache is damaged, foreign, missing or not writable: which one, and what to do."""


class ForeignShardError(CacheError):
    """A shard belongs to another model identity than the folder it lies in."""


class SilentHolderError(CacheError):
    """A lock on network storage is damaged, or its holder elsewhere gave no sign for minutes."""


def damaged(path: Path, what: str, *, n_rows: int | None = None) -> CacheError:
    """Return the error for a shard that must not be read: which file, what is wrong with it, what to do."""
    rows = "its rows" if n_rows is None else f"its {n_rows} rows"
    return CacheError(
        f"{path}: {what}; run `unsinter cache verify` to move it to quarantine, then run the study again to "
        f"recompute {rows} (every other shard stays as it is)."
    )


def refused(error: OSError, path: Path, *, n_bytes: int | None = None) -> CacheError:
    """Return the error for a write the system refused: a full disk, a read-only folder, a size limit."""
    if error.errno in _FULL:
        need = "" if n_bytes is None else f" for a file of {n_bytes} bytes"
        return CacheError(
            f"{path}: no space left on the disk{need} ({_free(path)} bytes free); free some space or set "
            "UNSINTER_CACHE to a folder on another disk, then run again: finished shards are kept."
        )
    if error.errno in _FORBIDDEN:
        return CacheError(
            f"{path}: this folder cannot be written ({error.strerror}); make it writable or set "
            "UNSINTER_CACHE to a folder that is: rows stored here already stay readable."
        )
    if error.errno in _REMOVED:
        return CacheError(
            f"{path}: its folder was removed while in use, and what was stored there is lost; run again and "
            "leave the cache to `unsinter cache gc`, which keeps what a running process uses."
        )
    if error.errno == errno.EFBIG:
        return CacheError(
            f"{path}: a file of {n_bytes} bytes is over the size limit of this process or file system; "
            "raise the limit (`ulimit -f`) or use fewer rows per shard, then run again: finished shards "
            "are kept."
        )
    if error.errno == 0:  # not the system's: a setting of ours
        return CacheError(f"{path}: {error.strerror}.")
    return CacheError(
        f"{path}: the file could not be written ({error.strerror}); repair the disk or set UNSINTER_CACHE "
        "to another folder, then run again: finished shards are kept."
    )


def unreadable(error: OSError, path: Path) -> CacheError:
    """Return the error for a file that is there and cannot be read."""
    return CacheError(
        f"{path}: the file cannot be read ({error.strerror}); give yourself the right to read it, or repair "
        "the disk, and run again."
    )


def _free(path: Path) -> int:
    folder = path
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


_ADVICE = {
    errno.ENOSPC: "make room and run again",
    errno.EDQUOT: "make room within your quota and run again",
    errno.EFBIG: "raise the size limit of files (`ulimit -f`) and run again",
    errno.EROFS: "name a place that can be written",
    errno.EACCES: "make it writable or name another place",
    errno.EPERM: "make it writable or name another place",
    errno.ENAMETOOLONG: "name a shorter one",
}


@contextmanager
def naming(path: Path, error: type[ValueError]) -> Iterator[None]:
    """Turn what the system refuses in the block into ``error``, which names the file written there."""
    try:
        yield
    except OSError as cause:
        raise error(cannot_write(path, cause)) from cause


def cannot_write(path: Path, cause: OSError) -> str:
    """Return the sentence for a write that the system refused."""
    reason = cause.strerror or " ".join(str(cause).split())
    advice = _ADVICE.get(cause.errno or 0, "make room, or repair the disk, and run again")
    return f"{path} cannot be written ({reason}); {advice}."


def one_line(error: BaseException) -> str:
    """Return the words of an error without line breaks, cut where they are very long."""
    return " ".join(str(error).split())[:300]


def is_fault(error: BaseException) -> bool:
    """Whether a library failed: any exception, or what one in Rust raises where it gives up."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
