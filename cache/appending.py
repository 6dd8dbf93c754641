"""Lines added to the end of a file: an added line is whole, and one that a kill cut short is not added to."""

import os
from io import BufferedRandom
from pathlib import Path

from unsinter.cache.atomic import flush_folder


def append_line(file: BufferedRandom, line: bytes) -> None:
    """Add a line to a file open in mode ``ab+``, on a line of its own whatever a killed process left."""
    file.seek(0, os.SEEK_END)
    if file.tell():
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            line = b"\n" + line
    file.write(line + b"\n")
    file.flush()


def append_whole(path: Path, data: bytes) -> None:
    """Add data to a file and flush it to the disk, all of it or nothing.

    Raises
    ------
    OSError : as the operating system put it; what it had taken of the data is cut off again.
    """
    with path.open("ab", buffering=0) as file:
        before = os.fstat(file.fileno()).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) or 0 :]
            os.fsync(file.fileno())
            if before == 0:
                flush_folder(path.parent)
        except BaseException:  # an interrupt too must leave no half of a record
            os.ftruncate(file.fileno(), before)
            raise


def cut_to(path: Path, n_bytes: int) -> None:
    """Cut a file to its first bytes and flush it to the disk; call it while no other process writes it."""
    with path.open("r+b") as file:
        file.truncate(n_bytes)
        os.fsync(file.fileno())


def ends_whole(path: Path) -> bool:
    """Say whether a file is empty or ends with a line end."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
