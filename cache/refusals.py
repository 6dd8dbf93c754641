"""One sentence for a file that the system would not write: which file, why, what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
