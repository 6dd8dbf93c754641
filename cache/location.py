"""Where the cache lives when nobody says otherwise."""

import errno
import os
import re
import stat
from io import BufferedReader
from pathlib import Path

import platformdirs

from unsinter.cache.errors import CacheError
from unsinter.cache.places.remote import RemotePath, remote_path

_OTHER_SCHEME = re.compile(r"(?!s3:/)[A-Za-z][A-Za-z0-9+.-]+:/+|(?i:s3a?n?):(?!/)")
"""What begins an address of another kind, which as a path is a folder below wherever a process works."""


def default_root() -> Path:
    """Return where the cache lies: as the environment's UNSINTER_CACHE says, else the user's cache folder.

    It may be a folder, or ``s3://bucket/prefix``.
    """
    chosen = os.environ.get("UNSINTER_CACHE")
    return cache_root(chosen) if chosen else Path(platformdirs.user_cache_dir("unsinter"))


def local_root() -> Path:
    """Return the folder on this machine for what must be files: that of the cache, where it is one."""
    root = default_root()
    return Path(platformdirs.user_cache_dir("unsinter")) if isinstance(root, RemotePath) else root


def cache_root(place: str | Path) -> Path:
    """Return a place of a cache as a path: in a store, or a folder with ``~`` as the home folder.

    Raises
    ------
    UnsinterError : no place in a store can be called so, or what reads such stores is not installed.
    """
    if not isinstance(place, RemotePath) and (scheme := _OTHER_SCHEME.match(str(place))):
        raise CacheError(
            f"{scheme.group()}... is no place of a cache; name a folder, or s3://bucket/prefix for a store "
            "that speaks S3 (its address in AWS_ENDPOINT_URL)."
        )
    return place if isinstance(place, RemotePath) else remote_path(str(place)) or expand_home(place)


def expand_home(path: str | Path) -> Path:
    """Return the path with a leading ``~`` or ``~user`` as that home folder; unknown users stay."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: Path) -> bool:
    """Tell a folder; a name that no file can have, too long or with a zero character, is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading, or a small object of a store.

    Raises
    ------
    OSError : it is a pipe or a device, which may never end or never begin.
    """
    if isinstance(path, RemotePath):
        return path.open_whole()
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file but a folder, a pipe or a device", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, *, most: int | None = None) -> bytes:
    """Return the bytes of a file, at most so many.

    Raises
    ------
    OSError : as `open_regular`.
    """
    with open_regular(path) as file:
        return file.read() if most is None else file.read(most)
