"""The files of a folder by name, size and SHA-256, in one sealed file: what is read is what was written."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from unsinter.cache.atomic import is_temporary, sweep, write_atomically
from unsinter.cache.errors import UnsinterError
from unsinter.cache.location import open_regular, read_regular

INVENTORY = "unsinter-inventory.json"
"""Beside study files and in folders above them may stand files of the user's, so it is no common name."""
SCHEMA_VERSION = 1

CHANGED = "is damaged: its bytes are not those that were written"
MISSING = "is missing"
UNLISTED = "is not among the files that were written"

_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PASSING = re.compile(r"\.(lock|guard|damaged-[0-9]+)$")


class DamagedFileError(UnsinterError, ValueError):
    """A file is missing, or its bytes are not those that were written; ``path`` says which one."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} {what}")
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """What one file held when it was listed."""

    sha256: str
    size: int
    grows: bool = False
    """Lines are added behind what is listed: only the first ``size`` bytes are compared."""

    @classmethod
    def of(cls, path: Path, *, grows: bool = False) -> "FileEntry":
        """Return the entry of a file as it is now.

        Raises
        ------
        OSError : it cannot be read.
        """
        size = path.stat().st_size
        return cls(sha256=_digest(path, size), size=size, grows=grows)

    def refusal(self, path: Path) -> str | None:
        """Return why a file is not what was listed, as words behind its name; None where it is."""
        try:
            size = path.stat().st_size
            is_same = size == self.size or (self.grows and size > self.size)
            return None if is_same and _digest(path, self.size) == self.sha256 else CHANGED
        except FileNotFoundError:
            return MISSING
        except OSError as error:
            return f"cannot be read ({error.strerror})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Files below ``folder`` by relative name, with slashes; ``about`` is text that the writer adds."""

    folder: Path
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Inventory | None":
        """Return the inventory of a folder; None where it has none.

        Raises
        ------
        DamagedFileError : its seal does not hold, or it is no inventory of this version.
        """
        path = folder / INVENTORY
        try:
            data = read_regular(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DamagedFileError(path, f"cannot be read ({error.strerror})") from error
        try:
            table = json.loads(data)
            inventory = cls(folder=folder, files=_entries(table["files"]), about=_about(table["about"]))
        except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedFileError(path, CHANGED) from error
        # Byte for byte, so that nothing in the file can stand for anything but what was sealed.
        if inventory.encoded() != data:
            raise DamagedFileError(path, CHANGED)
        return inventory

    @classmethod
    def of(cls, folder: Path, names: Iterable[str], *, about: Mapping[str, str] | None = None) -> "Inventory":
        """Return the inventory of files as they are now."""
        return cls(
            folder=folder,
            files={name: FileEntry.of(folder / name) for name in names},
            about=dict(about or {}),
        )

    def encoded(self) -> bytes:
        """Return the bytes of the inventory's file, its seal last."""
        files = {
            name: {"sha256": entry.sha256, "size": entry.size} | ({"grows": True} if entry.grows else {})
            for name, entry in sorted(self.files.items())
        }
        body = {"schema_version": SCHEMA_VERSION, "about": dict(sorted(self.about.items())), "files": files}
        seal = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        return (json.dumps({**body, "seal": seal}, indent=1) + "\n").encode()

    def write(self) -> None:
        """Write the inventory into its folder, whole or not at all.

        Raises
        ------
        OSError : the system refuses.
        """
        sweep(self.folder / INVENTORY)
        write_atomically(self.folder / INVENTORY, [self.encoded()])

    def refusal(self, name: str) -> str | None:
        """Return why a file must not be read, as words behind its name; None where it is as written."""
        entry = self.files.get(name)
        return UNLISTED if entry is None else entry.refusal(self.folder / name)

    def check(self, name: str) -> None:
        """Raise DamagedFileError unless the file is as it was written."""
        if (why := self.refusal(name)) is not None:
            raise DamagedFileError(self.folder / name, why)

    def read_bytes(self, name: str) -> bytes:
        """Return a file's bytes, compared with what was written.

        Raises
        ------
        DamagedFileError : it is not listed, missing, unreadable or changed.
        """
        path, entry = self.folder / name, self.files.get(name)
        if entry is None:
            raise DamagedFileError(path, UNLISTED)
        try:
            # One that grows is read to its end; of any other a byte more says that it was changed.
            data = read_regular(path, most=None if entry.grows else entry.size + 1)
        except FileNotFoundError as error:
            raise DamagedFileError(path, MISSING) from error
        except OSError as error:
            raise DamagedFileError(path, f"cannot be read ({error.strerror})") from error
        listed = data[: entry.size] if entry.grows else data
        if len(listed) != entry.size or hashlib.sha256(listed).hexdigest() != entry.sha256:
            raise DamagedFileError(path, CHANGED)
        return data

    def refusals(self) -> dict[str, str]:
        """Return every listed file that is not as it was written, with the reason."""
        reasons = ((name, self.refusal(name)) for name in sorted(self.files))
        return {name: why for name, why in reasons if why is not None}


def check_listed(path: Path, *, levels: int = 2) -> None:
    """Compare a file with the inventory of its folder, or of one up to ``levels`` above, if that lists it.

    Raises
    ------
    DamagedFileError : the file, or the inventory beside it, is not what was written.
    """
    path = path.absolute()
    for folder in path.parents[: levels + 1]:
        if (inventory := Inventory.read(folder)) is not None:
            name = path.relative_to(folder).as_posix()
            if name in inventory.files:
                inventory.check(name)
            return


def is_kept(path: Path) -> bool:
    """Whether a file is one that stays: no lock, no unfinished file, no copy of what was damaged."""
    return not path.name.startswith(".") and not is_temporary(path) and not _PASSING.search(path.name)


def files_below(folder: Path, *, skip: Sequence[str] = ()) -> list[str]:
    """Return the names of the files below a folder that stay, without the folders ``skip`` at its top."""
    names = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and parts[0] not in skip and not is_hidden and is_kept(path):
            names.append("/".join(parts))
    return [name for name in names if name != INVENTORY]


def _digest(path: Path, size: int) -> str:
    """Return the SHA-256 of the first ``size`` bytes."""
    total = hashlib.sha256()
    with open_regular(path) as file:
        while size > 0 and (chunk := file.read(min(size, _CHUNK))):
            total.update(chunk)
            size -= len(chunk)
    return total.hexdigest()


def _entries(table: Mapping[str, Any]) -> dict[str, FileEntry]:
    entries = {}
    for name, fields in table.items():
        entry = FileEntry(sha256=fields["sha256"], size=fields["size"], grows=fields.get("grows", False))
        is_entry = (
            _is_inside(name)
            and isinstance(entry.sha256, str)
            and _SHA256.fullmatch(entry.sha256) is not None
            and type(entry.size) is int
            and entry.size >= 0
            and type(entry.grows) is bool
        )
        if not is_entry:
            raise ValueError(f"{name!a} is no entry")
        entries[name] = entry
    return entries


def _about(table: Mapping[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in table.values()):
        raise ValueError("about holds text only")
    return dict(table)


def _is_inside(name: str) -> bool:
    """Whether a name leads to a file below the folder, and is written in one way only."""
    path = PurePosixPath(name)
    is_plain = bool(name) and "\\" not in name and "\0" not in name and path.as_posix() == name
    return is_plain and not path.is_absolute() and ".." not in path.parts and ":" not in path.parts[0]
