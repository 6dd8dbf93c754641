"""Names in a store that is no file system, as paths: what a cache asks of one, and nothing else."""

import errno
import hashlib
import io
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path, PosixPath, PurePath
from typing import Any, NamedTuple

SCHEMES = {"s3": "unsinter.cache.bucket.path"}
"""What may stand before ``://`` in the name of a cache -> the module whose ``root_path`` makes its paths.

The modules are later ones, that know how errors of ours are put into words.
"""

Chunks = Sequence[bytes | memoryview]

Version = tuple[int, int, int]
"""Inode, size and time of change of a file, or what stands for them."""


class Status(NamedTuple):
    """One version of an object.

    Attributes
    ----------
    version : the store's own mark, which no other content of the same name has.
    """

    size: int
    version: str

    @property
    def as_version(self) -> Version:
        """The mark as a number where the inode of a file stands, and no time: clocks tell nothing here."""
        return int.from_bytes(hashlib.sha256(self.version.encode()).digest()[:7], "big"), self.size, 0


class Listing(NamedTuple):
    """What a name is the folder of."""

    objects: dict[str, Status]
    folders: list[str]


class RemotePath(PosixPath, ABC):
    """A name in a store of objects, which looks like a path and never reads or writes a file of this machine.

    Names can be listed together as if they lay in a folder; one is there while there is a name in it. What a
    kind of store does is in the methods from ``status`` to ``move``; what else a path can do is refused.
    """

    __slots__ = ()

    @abstractmethod
    def status(self) -> Status | None:
        """Return what is there under this name; None where there is nothing."""

    @abstractmethod
    def listing(self) -> Listing:
        """Return what is there below this name."""

    @abstractmethod
    def fetch(self, start: int = 0, stop: int | None = None) -> tuple[memoryview, Status]:
        """Return bytes from start on, fewer where there are fewer, and of which version they are.

        Raises
        ------
        FileNotFoundError : there is nothing under this name.
        """

    @abstractmethod
    def put(self, chunks: Chunks, *, instead: Status | None = None, always: bool = False) -> Status | None:
        """Give these bytes the name, whole or not at all, and return their version.

        Unless it is done always, the name must be free, or stand for the version ``instead``; None where it
        does not.
        """

    @abstractmethod
    def remove(self) -> None:
        """Take the name away, where it is there."""

    @abstractmethod
    def move(self, target: "RemotePath") -> None:
        """Give an object another name."""

    def __str__(self) -> str:
        scheme, *rest = self.parts
        return f"{scheme}//{'/'.join(rest)}"

    def __fspath__(self) -> str:
        raise OSError(errno.EOPNOTSUPP, "it lies in a store of objects and is no file", str(self))

    def stat(self, **options: Any) -> os.stat_result:
        """Return size, and the version where the inode of a file stands."""
        status = self.status()
        if status is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        number, size, _ = status.as_version
        return os.stat_result((stat.S_IFREG | 0o444, number, 0, 1, 0, 0, size, 0, 0, 0))

    def exists(self, **_: Any) -> bool:
        """Say whether there is an object of this name."""
        return self.status() is not None

    is_file = exists

    def is_dir(self, **_: Any) -> bool:
        """Say whether there are names below this one."""
        objects, folders = self.listing()
        return bool(objects or folders)

    def iterdir(self) -> Generator["RemotePath", None, None]:
        """Yield what lies right below this name, sorted."""
        objects, folders = self.listing()
        for name in sorted([*objects, *folders]):
            yield self / name

    def glob(self, pattern: str, **_: Any) -> Iterator["RemotePath"]:  # type: ignore[override]
        """Yield the objects right below this name that a pattern fits, sorted."""
        for name in sorted(self.listing().objects):
            if fnmatchcase(name, pattern):
                yield self / name

    def unlink(self, missing_ok: bool = False) -> None:
        """Take the name away."""
        if not missing_ok:
            self.stat()
        self.remove()

    def rename(self, target: Path) -> "RemotePath":  # type: ignore[override]
        """Give the object another name of the same store."""
        assert isinstance(target, RemotePath)
        self.move(target)
        return target

    def absolute(self) -> "RemotePath":
        """Return this name, which stands for itself."""
        return self

    def expanduser(self) -> "RemotePath":
        """Return this name, which stands for itself."""
        return self

    def resolve(self, strict: bool = False) -> "RemotePath":
        """Return this name, which stands for itself."""
        return self

    def open_whole(self) -> io.BufferedReader:
        """Return all bytes of a small object, as a file open for reading."""
        return io.BufferedReader(io.BytesIO(self.fetch()[0]))


def version_of(path: Path) -> Version | None:
    """Return what changes when the content of a name does; None where there is nothing of this name.

    Raises
    ------
    OSError : a file cannot be looked at.
    """
    if isinstance(path, RemotePath):
        seen = path.status()
        return None if seen is None else seen.as_version
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_size, status.st_ctime_ns


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder.

    Raises
    ------
    OSError : a folder of this machine is not there or cannot be read.
    """
    if isinstance(folder, RemotePath):
        return list(folder.listing().objects)
    return os.listdir(folder)  # noqa: PTH208 - thousands


def sizes_in(folder: Path, names: Sequence[str]) -> dict[str, int]:
    """Return the sizes of those names in a folder that are there."""
    if isinstance(folder, RemotePath):
        objects = folder.listing().objects if names else {}  # one question for a thousand
        return {name: objects[name].size for name in names if name in objects}
    sizes = {}
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            sizes[name] = (folder / name).stat().st_size
    return sizes


def _refusal(name: str) -> Any:
    def refuse(self: RemotePath, *_: Any, **__: Any) -> Any:
        raise OSError(errno.EOPNOTSUPP, f"it lies in a store of objects, which has no {name}", str(self))

    refuse.__doc__ = f"Refuse: a store of objects has no {name}."
    return refuse


for _name in vars(Path).keys() - vars(PurePath).keys() - vars(RemotePath).keys():
    if not _name.startswith("_"):
        setattr(RemotePath, _name, _refusal(_name))


def remote_path(text: str) -> RemotePath | None:
    """Return the path in a store that a text names; None where it names a file or folder.

    ``s3:/`` is taken for ``s3://``: a path that was made of the text holds one stroke only.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or not rest.startswith("/") or scheme not in SCHEMES:
        return None
    path: RemotePath = import_module(SCHEMES[scheme]).root_path(rest.strip("/"))
    return path
