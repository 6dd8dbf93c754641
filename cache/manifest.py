"""One identity's folder: its paths, and the index of what it holds completely.

The index is the only truth about which rows, layers and positions are stored. A finished shard is listed by
one small file, `entries/NNN.entry`. Numbers are given out one by one: the name of a file is taken by one
writer, who has read every entry before it. Now and then they are folded into `index.bin`, which names the
first number that it does not hold, so that an entry below that number counts no more.
"""

import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from unsinter.cache.atomic import cache_lock, replace_seen
from unsinter.cache.entries import (
    Entries,
    IndexFile,
    damaged_index,
    read_earlier,
    read_index,
)
from unsinter.cache.errors import CacheError, refused, unreadable
from unsinter.cache.index import Index
from unsinter.cache.location import read_regular
from unsinter.cache.places.remote import Version, names_in, version_of

_ENTRY = re.compile(r"([0-9]{12})\.entry")
_GUARD = threading.RLock()
"""Held while an index in memory changes."""

Status = Version | None
"""Inode, size and time of change of a file; None where there is none."""

Statuses = tuple[Status, Status]
"""Of `index.bin` and of a manifest.json of format 1."""


class Folder:
    """The paths of one identity's folder, and its index read and written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shards = path / "shards"
        self.entries = path / "entries"
        self.locks = path / "locks"
        self.references = path / "references"
        self.quarantine = path / "quarantine"
        self.identity = path / "identity.json"
        self.about = path / "about.json"
        self.index = path / "index.bin"
        self.manifest = path / "manifest.json"
        self.migrated = path / "manifest.format1.json"
        self.ignored: set[int] = set()
        """Numbers of entries that are damaged, which this object leaves out."""
        self._read = Index()
        self.seen: Statuses | None = None
        self._written: Status = None

    def shard_files(self) -> list[Path]:
        """Return every file in the shard folder that is not a temporary one, sorted."""
        return [file for file in self._inside(self.shards) if not file.name.startswith(".")]

    def hidden_files(self) -> list[Path]:
        """Return the files of the shard folder that begin with a dot, as temporary ones do, sorted."""
        return [file for file in self._inside(self.shards) if file.name.startswith(".")]

    def entry_numbers(self) -> list[int]:
        """Return the numbers of the entry files, ascending."""
        try:
            names = [_ENTRY.fullmatch(name) for name in names_in(self.entries)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unreadable(error, self.entries) from error
        return sorted(int(name[1]) for name in names if name)

    def entry(self, number: int) -> Path:
        """Return the file of an entry."""
        return self.entries / f"{number:012d}.entry"

    @staticmethod
    def _inside(folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except FileNotFoundError:  # not made yet, or removed by `gc` between two looks
            return []

    def lock_of(self, shard: str) -> Path:
        """Return the lock file of a shard."""
        return self.locks / f"{shard}.lock"

    @property
    def guard(self) -> Path:
        """The lock file of everything that is not one commit: folding, notes, removal."""
        return self.locks / "manifest.lock"

    @contextmanager
    def locked(self, *, wait: bool = True) -> Iterator[bool]:
        """Hold the lock under which the index is folded; no commit waits for it. Yield whether it is held."""
        with cache_lock(self.guard, wait=wait) as is_held:
            yield is_held

    def has_index(self) -> bool:
        """Say whether there is an index, of either format."""
        return self.index.exists() or self.manifest.exists()

    def load(self) -> Index:
        """Return the index as it is now, reading only what is new; empty where nothing was ever stored.

        Raises
        ------
        CacheError : a file of it is damaged, unreadable, or missing although there are shards.
        """
        with _GUARD:
            # Entries are listed before the status of the index is compared: what a fold removed before the
            # listing is in the index by then, and where one came in between, all is looked at again.
            while True:
                status = self._status()
                if status != self.seen or status == (None, None):
                    self._begin(status)
                self._read_new()
                if status == self._status():
                    return self._read

    def read_entry(self, number: int) -> None:
        """Read an entry that is known to be there, though a listing on a network may not show it yet."""
        with _GUARD:
            if number not in self._read.loose:
                self._add(number)

    def ignore(self, entries: Iterable[Path]) -> None:
        """Leave damaged entries out from now on."""
        self.ignored = {int(path.stem) for path in entries}

    def damaged_entries(self) -> dict[Path, CacheError]:
        """Return every entry file that cannot be believed, with its error."""
        damaged = {}
        for number in self.entry_numbers():
            try:
                self._decoded(self.entry(number))
            except FileNotFoundError:
                continue  # folded meanwhile
            except CacheError as error:
                damaged[self.entry(number)] = error
        return damaged

    def write(self, path: Path, chunks: list[bytes], *, seen: Statuses | None = None) -> bool:
        """Write a file of the index whole; False, and nothing written, where the index is not as it was seen.

        Call it with the lock held, and with ``seen`` where what is written follows from what was read: locks
        of some file systems do not hold. A write that the operating system refuses is a CacheError.
        """
        try:
            self._written = replace_seen(path, chunks, lambda: seen is None or self._status() == seen)
            return self._written is not None
        except OSError as error:
            raise refused(error, path, n_bytes=sum(map(len, chunks))) from error

    def keep(self, folded: Entries, *, number: int) -> None:
        """Go on with what this process has just written to `index.bin`, without reading it again."""
        with _GUARD:
            status = self._status()
            if status[0] == self._written and self.seen is not None and status[1] == self.seen[1]:
                self._read = self._read.after_fold(folded, earlier=self._read.earlier, number=number)
                self.seen = status

    def _status(self) -> Statuses:
        return _status_of(self.index), _status_of(self.manifest)

    def _begin(self, status: Statuses) -> None:
        """Read `index.bin` and manifest.json, and begin anew with them."""
        key, folded = self.path.name, IndexFile(entries={})
        earlier: Entries = {}
        try:
            if status[0] is not None:
                folded = read_index(read_regular(self.index), self.index, identity_key=key)
            if status[1] is not None:
                earlier = read_earlier(read_regular(self.manifest), self.manifest, identity_key=key)
        except FileNotFoundError:
            return  # removed since: the status differs, and all is looked at again
        except OSError as error:
            path = Path(error.filename) if error.filename else self.path
            raise unreadable(error, path) from error
        if status == (None, None) or (folded.has_earlier and status[1] is None):
            self._check_not_lost(self.index if status[0] is None else self.manifest, status)
        self._read = self._read.after_fold(folded.entries, earlier=earlier, number=folded.next)
        self.seen = status

    def _check_not_lost(self, path: Path, status: Statuses) -> None:
        n_shards = len(self.shard_files())
        if n_shards == 0 or self._status() != status:  # written since: then there is something to read
            return
        raise CacheError(
            f"{path}: the index of {n_shards} stored shards is missing; run `unsinter cache "
            "verify --rebuild` to write it again from the shards themselves: no row is lost."
        )

    def _read_new(self) -> None:
        for number in self.entry_numbers():
            is_new = number >= self._read.folded and number not in self._read.loose
            if is_new and number not in self.ignored:
                try:
                    self._add(number)
                except FileNotFoundError:
                    continue  # folded meanwhile: the index differs by now

    def _add(self, number: int) -> None:
        file = self._decoded(self.entry(number))
        for name, entry in file.entries.items():
            self._read.add(number, name, entry)

    def _decoded(self, path: Path) -> IndexFile:
        try:
            raw = read_regular(path)
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise unreadable(error, path) from error
        file = read_index(raw, path, identity_key=self.path.name)
        if len(file.entries) != 1:
            raise damaged_index(path)
        return file


def _status_of(path: Path) -> Status:
    try:
        return version_of(path)
    except OSError as error:
        raise unreadable(error, path) from error


def _after_fork() -> None:
    """Let a forked child go on: whoever held the guard is not in it."""
    global _GUARD
    _GUARD = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
