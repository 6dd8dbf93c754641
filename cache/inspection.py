"""Checking every byte of a cache; what is damaged or foreign is moved aside, never deleted."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unsinter.cache.atomic import is_temporary, make_folder, move_into, write_atomically
from unsinter.cache.errors import CacheError, ForeignShardError, damaged, refused
from unsinter.cache.key import canonical, identity_key
from unsinter.cache.manifest import Entry, Folder
from unsinter.cache.reading import gone
from unsinter.cache.shard import check_shard
from unsinter.cache.writing import rows_not_stored

Kind = Literal["damaged", "foreign", "gone", "index", "identity", "unlisted", "unfinished"]

_HARMLESS = {"unlisted", "unfinished"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it was written."""

    kind: Kind
    path: Path
    message: str

    @property
    def is_harmless(self) -> bool:
        """Whether it is a leftover of a killed or running process, which the next run takes care of."""
        return self.kind in _HARMLESS


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What `verify` read, found and moved."""

    findings: tuple[Finding, ...]
    shards_checked: int
    bytes_checked: int
    moved: tuple[Path, ...]
    """Where the damaged and foreign files are now."""

    @property
    def is_sound(self) -> bool:
        """Whether every stored row can be read."""
        return all(finding.is_harmless for finding in self.findings)


def folders(root: Path) -> list[Folder]:
    """Return the folders of all model identities under root, sorted by key."""
    inside = sorted(root.iterdir()) if root.is_dir() else []
    return [Folder(path) for path in inside if len(path.name) == 64 and path.is_dir()]


def verify(
    root: Path,
    *,
    quarantine: bool = False,
    rebuild: bool = False,
    on_shard: Callable[[Path], None] | None = None,
) -> VerifyReport:
    """Read every byte under root and report what is not as it was written.

    With quarantine, damaged and foreign shards are moved to `quarantine/` beside their folder and struck off
    the manifest, so that the next run recomputes their rows and no others. With rebuild, each manifest is
    written again from the sound shards; a damaged one is moved aside first.

    Raises
    ------
    CacheError : quarantine or rebuild was asked for and the operating system refused to write.
    """
    findings: list[Finding] = []
    moved: list[Path] = []
    n_shards = n_bytes = 0
    for folder in folders(Path(root)):
        inspection = Inspection(folder, on_shard)
        findings += inspection.findings
        n_shards += len(inspection.sizes)
        n_bytes += sum(inspection.sizes)
        try:
            if quarantine and inspection.bad:
                moved += _set_aside(folder, inspection)
            if rebuild:
                moved += _rebuild(folder, inspection)
        except OSError as error:
            raise refused(error, folder.path) from error
    return VerifyReport(
        findings=tuple(findings), shards_checked=n_shards, bytes_checked=n_bytes, moved=tuple(moved)
    )


class Inspection:
    """One folder, read in full."""

    def __init__(self, folder: Folder, on_shard: Callable[[Path], None] | None) -> None:
        self.folder = folder
        self.sound: dict[str, Entry] = {}
        self.bad: set[str] = set()
        self.sizes: list[int] = []
        self.manifest: dict[str, Entry] | None = None
        # Listed before the manifest is loaded: a shard that a running process adds meanwhile is then in both
        # or neither.
        files = folder.shard_files()
        self.findings = [*self._check_identity(), *self._check_index()]
        for file in files:
            self.findings += self._check_file(file)
            if on_shard is not None:
                on_shard(file)
        self.findings += self._check_names()

    def _check_identity(self) -> Iterator[Finding]:
        path = self.folder.identity
        # Written before the manifest and removed after it: where both are missing, a folder is being made or
        # unmade.
        was_in_being = self.folder.manifest.exists()
        try:
            raw = path.read_bytes()
            identity = json.loads(raw)
            sound = canonical(identity) == raw and identity_key(identity) == self.folder.path.name
        except FileNotFoundError:
            sound = not (was_in_being and self.folder.manifest.exists())
        except (OSError, ValueError, OverflowError, TypeError, AttributeError, RecursionError):
            sound = False
        if not sound:
            text = (
                f"{path}: this file is missing or does not hold the identity that its folder is named "
                "after; move it away and run the study again, which writes it anew: no row is lost."
            )
            yield Finding(kind="identity", path=path, message=text)

    def _check_index(self) -> Iterator[Finding]:
        try:
            self.manifest = self.folder.load()
        except CacheError as error:
            yield Finding(kind="index", path=self.folder.manifest, message=str(error))

    def _check_file(self, file: Path) -> Iterator[Finding]:
        listed = (self.manifest or {}).get(file.name)
        try:
            self.sizes.append(file.stat().st_size)
            entry = Entry.of(check_shard(file, identity_key=self.folder.path.name))
            if listed is not None and entry != listed:
                raise damaged(
                    file, "it is not the shard that manifest.json lists", n_rows=len(listed.plan.rows)
                )
        except FileNotFoundError:
            return  # removed meanwhile; if the manifest still lists it, the names are checked next
        except CacheError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return  # as above, a moment later
            if not isinstance(error.__cause__, PermissionError):  # of which the bytes are nobody's fault
                self.bad.add(file.name)
            kind: Kind = "foreign" if isinstance(error, ForeignShardError) else "damaged"
            yield Finding(kind=kind, path=file, message=str(error))
            return
        self.sound[file.name] = entry
        if listed is None and self.manifest is not None:
            text = f"{file}: this whole shard is not in manifest.json; the next run, or --rebuild, lists it."
            yield Finding(kind="unlisted", path=file, message=text)

    def _check_names(self) -> Iterator[Finding]:
        for name, entry in (self.manifest or {}).items():
            path = self.folder.shards / name
            if not path.exists() and self._is_still_listed(name):
                self.bad.add(name)
                yield Finding(kind="gone", path=path, message=str(gone(path, entry)))
        for path in self.folder.hidden_files():
            if is_temporary(path):
                text = f"{path}: an unfinished copy; `unsinter cache gc` offers to remove it once abandoned."
                yield Finding(kind="unfinished", path=path, message=text)

    def _is_still_listed(self, name: str) -> bool:
        try:
            return name in self.folder.load()  # `gc` strikes a shard off before it removes it
        except CacheError:
            return True


def _set_aside(folder: Folder, inspection: Inspection) -> list[Path]:
    with folder.locked():
        # Another process may have put a sound shard in the place of a bad one since it was read.
        bad = {name for name in inspection.bad if not _is_sound(folder, name)}
        if inspection.manifest is not None:
            current = folder.load()
            kept = {name: entry for name, entry in current.items() if name not in bad}
            if len(kept) < len(current):
                folder.save(kept)
        return [
            _move(folder.shards / name, folder) for name in sorted(bad) if (folder.shards / name).exists()
        ]


def _is_sound(folder: Folder, name: str) -> bool:
    try:
        entry = Entry.of(check_shard(folder.shards / name, identity_key=folder.path.name))
        return folder.load().get(name, entry) == entry
    except CacheError:
        return False


def _rebuild(folder: Folder, inspection: Inspection) -> list[Path]:
    moved: list[Path] = []
    if not folder.path.is_dir():
        return moved  # `gc` removed it meanwhile
    with folder.locked():
        if inspection.manifest is None and folder.manifest.exists():
            # A copy: where the manifest is missing, nothing can be read or filled until it is written again.
            target = _free_name(folder, folder.manifest.name)
            write_atomically(target, [folder.manifest.read_bytes()])
            moved.append(target)
        manifest = {} if inspection.manifest is None else folder.load()
        before = dict(manifest)
        for name, entry in sorted(inspection.sound.items()):
            # Two shards may share a row only where files were copied by hand; the first in order is listed.
            if name not in manifest and len(rows_not_stored(manifest, entry.plan)) == len(entry.plan.rows):
                manifest[name] = entry
        if manifest != before or moved or not folder.manifest.exists():
            folder.save(manifest)
    return moved


def _move(path: Path, folder: Folder) -> Path:
    target = _free_name(folder, path.name)
    move_into(path, target)
    return target


def _free_name(folder: Folder, name: str) -> Path:
    make_folder(folder.quarantine)
    target, number = folder.quarantine / name, 1
    while target.exists():
        number += 1
        target = folder.quarantine / f"{name}.{number}"
    return target
