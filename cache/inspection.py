"""Checking every byte of a cache; what is damaged or foreign is moved aside, never deleted."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unsinter.cache.atomic import is_temporary, make_folder, move_into, write_atomically
from unsinter.cache.entries import ShardEntry
from unsinter.cache.errors import CacheError, ForeignShardError, damaged, refused
from unsinter.cache.folding import fold, folders, free_name, tidy, write_anew
from unsinter.cache.key import canonical, identity_key
from unsinter.cache.location import cache_root, read_regular
from unsinter.cache.manifest import Folder
from unsinter.cache.reading import gone
from unsinter.cache.shard import check_shard
from unsinter.cache.writing import list_shard

Kind = Literal["damaged", "foreign", "gone", "index", "identity", "unlisted", "unfinished"]

_LOOKS = 3
"""Times that a listed shard is looked for."""

_HARMLESS = {"unlisted", "unfinished"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFault:
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

    findings: tuple[CacheFault, ...]
    shards_checked: int
    bytes_checked: int
    moved: tuple[Path, ...]
    """Where the damaged and foreign files are now."""

    @property
    def is_sound(self) -> bool:
        """Whether every stored row can be read."""
        return all(finding.is_harmless for finding in self.findings)


def verify(
    root: Path,
    *,
    quarantine: bool = False,
    rebuild: bool = False,
    on_shard: Callable[[Path], None] | None = None,
) -> VerifyReport:
    """Read every byte under root and report what is not as it was written.

    With quarantine, damaged and foreign shards are moved to `quarantine/` beside their folder and struck off
    the index, so that the next run recomputes their rows and no others. Damaged entries of the index go there
    too, and the next run lists their shards again. With rebuild, a lost or damaged index is
    written again from the sound shards; a damaged one is moved aside first.

    Raises
    ------
    CacheError : quarantine or rebuild was asked for and the operating system refused to write.
    """
    findings: list[CacheFault] = []
    moved: list[Path] = []
    n_shards = n_bytes = 0
    for folder in folders(cache_root(root)):
        inspection = Inspection(folder, on_shard)
        findings += inspection.findings
        n_shards += len(inspection.sizes)
        n_bytes += sum(inspection.sizes)
        try:
            if quarantine and (inspection.bad or inspection.entries):
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
        self.sound: dict[str, ShardEntry] = {}
        self.bad: set[str] = set()
        self.sizes: list[int] = []
        self.index: dict[str, ShardEntry] | None = None
        self.entries: set[Path] = set()
        """Damaged files of one entry each."""
        # Listed before the index is loaded: a shard that a running process adds meanwhile is then in both or
        # neither.
        files = folder.shard_files()
        self.findings = [*self._check_identity(), *self._check_index()]
        for file in files:
            self.findings += self._check_file(file)
            if on_shard is not None:
                on_shard(file)
        self.findings += self._check_names()

    def _check_identity(self) -> Iterator[CacheFault]:
        path = self.folder.identity
        # Written before the index and removed after it: where both are missing, a folder is being made or
        # unmade.
        was_in_being = self.folder.has_index()
        try:
            raw = read_regular(path)
            identity = json.loads(raw)
            sound = canonical(identity) == raw and identity_key(identity) == self.folder.path.name
        except FileNotFoundError:
            sound = not (was_in_being and self.folder.has_index())
        except (OSError, ValueError, OverflowError, TypeError, AttributeError, RecursionError):
            sound = False
        if not sound:
            text = (
                f"{path}: this file is missing or does not hold the identity that its folder is named "
                "after; move it away and run the study again, which writes it anew: no row is lost."
            )
            yield CacheFault(kind="identity", path=path, message=text)

    def _check_index(self) -> Iterator[CacheFault]:
        for path, error in self.folder.damaged_entries().items():
            self.entries.add(path)
            yield CacheFault(kind="index", path=path, message=str(error))
        self.folder.ignore(self.entries)
        try:
            self.index = dict(self.folder.load())
        except CacheError as error:
            path = self.folder.index if str(self.folder.index) in str(error) else self.folder.manifest
            yield CacheFault(kind="index", path=path, message=str(error))

    def _check_file(self, file: Path) -> Iterator[CacheFault]:
        listed = (self.index or {}).get(file.name)
        try:
            self.sizes.append(file.stat().st_size)
            entry = ShardEntry.of(check_shard(file, identity_key=self.folder.path.name))
            if listed is not None and entry != listed:
                raise damaged(file, "it is not the shard that the index lists", n_rows=listed.n_rows)
        except FileNotFoundError:
            return  # removed meanwhile; if the index still lists it, the names are checked next
        except CacheError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return  # as above, a moment later
            if not isinstance(error.__cause__, PermissionError):  # of which the bytes are nobody's fault
                self.bad.add(file.name)
            kind: Kind = "foreign" if isinstance(error, ForeignShardError) else "damaged"
            yield CacheFault(kind=kind, path=file, message=str(error))
            return
        self.sound[file.name] = entry
        if listed is None and self.index is not None:
            text = f"{file}: this whole shard is not in the index; the next run, or --rebuild, lists it."
            yield CacheFault(kind="unlisted", path=file, message=text)

    def _check_names(self) -> Iterator[CacheFault]:
        for name, entry in (self.index or {}).items():
            path = self.folder.shards / name
            if self._is_gone(path):
                self.bad.add(name)
                yield CacheFault(kind="gone", path=path, message=str(gone(path, entry)))
        for path in self.folder.hidden_files():
            if is_temporary(path):
                text = f"{path}: an unfinished copy; `unsinter cache gc` offers to remove it once abandoned."
                yield CacheFault(kind="unfinished", path=path, message=text)

    def _is_gone(self, path: Path) -> bool:
        # `gc` strikes a shard off before it removes it, and a writer makes it before it lists it anew: what
        # either did between two looks is no loss.
        for _ in range(_LOOKS):
            if path.exists():
                return False
            with suppress(CacheError):
                if path.name not in self.folder.load():
                    return False
        return True


def _set_aside(folder: Folder, inspection: Inspection) -> list[Path]:
    with folder.locked():
        # Another process may have put a sound shard in the place of a bad one since it was read.
        bad = {name for name in inspection.bad if not _is_sound(folder, name)}
        entries = inspection.entries & folder.damaged_entries().keys()
        folder.ignore(entries)
        if inspection.index is not None and (bad & folder.load().keys() or entries):
            fold(
                folder, without=bad
            )  # which counts on behind the damaged entries, so that they are read no more
        files = [*sorted(entries), *(folder.shards / name for name in sorted(bad))]
        return [_move(path, folder) for path in files if path.exists()]


def _is_sound(folder: Folder, name: str) -> bool:
    try:
        entry = ShardEntry.of(check_shard(folder.shards / name, identity_key=folder.path.name))
        return folder.load().get(name, entry) == entry
    except CacheError:
        return False


def _rebuild(folder: Folder, inspection: Inspection) -> list[Path]:
    if not folder.path.is_dir():
        return []  # `gc` removed it meanwhile
    if inspection.index is None:
        with folder.locked():
            return _write_anew(folder, inspection.sound)
    for name, entry in sorted(inspection.sound.items()):
        list_shard(folder, name, entry)
    tidy(folder)  # folds what was listed, and takes away what a killed `--rebuild` left unfinished
    return []


def _write_anew(folder: Folder, sound: dict[str, ShardEntry]) -> list[Path]:
    moved = []
    if folder.index.exists():
        # A copy: where the index is missing, nothing can be read or filled until it is written again.
        moved.append(_free_name(folder, folder.index.name))
        write_atomically(moved[0], [read_regular(folder.index)])
    damaged_entries = sorted(folder.damaged_entries())
    folder.ignore(damaged_entries)
    write_anew(folder, sound)
    replaced = (*damaged_entries, folder.manifest)
    return moved + [_move(path, folder) for path in replaced if path.exists()]


def _move(path: Path, folder: Folder) -> Path:
    move_into(path, target := _free_name(folder, path.name))
    return target


def _free_name(folder: Folder, name: str) -> Path:
    make_folder(folder.quarantine)
    return free_name(folder.quarantine / name)
