"""What a cache holds, and what of it no study names any more."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from unsinter.cache.atomic import cache_lock, is_temporary, temporaries
from unsinter.cache.errors import CacheError, refused
from unsinter.cache.folding import fold, folders
from unsinter.cache.index import Index
from unsinter.cache.json_text import read_json
from unsinter.cache.location import cache_root
from unsinter.cache.manifest import Folder
from unsinter.cache.places.locks import held_by_others, lock_files, remove_lock
from unsinter.cache.places.remote import RemotePath
from unsinter.cache.references import Reference, read_references
from unsinter.cache.use import alone

_LONGEST_NOTE = 1 << 20
"""Bytes of `about.json`, which holds a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is stored for one model identity."""

    key: str
    model: str
    """As typed by whoever filled it first; empty if they did not say."""
    rows: int
    layers: tuple[int, ...]
    positions: tuple[str, ...]
    dtype: str
    n_shards: int
    n_bytes: int
    studies: tuple[Path, ...]
    """Folders of the studies that need it and still exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A file that may go."""

    path: Path
    n_bytes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """What no study names, and whether it was removed."""

    candidates: tuple[Leftover, ...]
    removed: bool
    in_use: tuple[Path, ...] = ()
    """Folders that a running process fills or reads; nothing of them is a candidate."""
    doubtful: tuple[Path, ...] = ()
    """Notes of an earlier version that name what is not stored: their folders keep everything."""

    @property
    def n_bytes(self) -> int:
        """Bytes of all candidates together."""
        return sum(candidate.n_bytes for candidate in self.candidates)


def ls(root: Path) -> list[Holding]:
    """Return what is stored under root, one entry per model identity.

    Raises
    ------
    CacheError : an index is damaged or missing.
    """
    return [_holding(folder) for folder in folders(cache_root(root))]


def gc(
    root: Path,
    *,
    keep: Collection[str] = (),
    dry_run: bool = True,
    quarantined: bool = False,
    only: Collection[Path] | None = None,
) -> GcReport:
    """Return what may go under root, and remove it unless dry_run.

    That is: shards that hold nothing which an existing study needs, notes of studies whose folder is gone,
    and unfinished copies of killed processes; with quarantined, also the files that `verify` moved aside.
    A folder that another process fills or reads is left alone. keep names identities or shards to leave alone
    whatever the notes say; of files that only lists, and no others, something is removed.

    Raises
    ------
    CacheError : an index or a study's note is damaged, the operating system refused, or the cache lies in a
        store of objects.
    """
    if isinstance(root := cache_root(root), RemotePath):
        raise CacheError(
            f"{root}: nothing is removed from a store of objects, which has no locks that would tell who "
            "uses it, and studies of other machines cannot be seen from here; once no run needs a model, "
            "remove what lies under its key (`unsinter cache ls`) with the store's own tools."
        )
    candidates: list[Leftover] = []
    in_use: list[Path] = []
    doubtful: list[Path] = []
    for folder in folders(root):
        if folder.path.name in keep:
            continue
        if not folder.locks.is_dir():  # not a folder of ours, or the last of one that a kill left behind
            _remove_if_bare(folder, dry_run=dry_run)
            continue
        try:
            with _undisturbed(folder, dry_run=dry_run) as is_free:
                if not is_free:
                    in_use.append(folder.path)
                    continue
                index, references = folder.load(), read_references(folder)
                doubtful += [ref.file for ref in references if ref.is_doubtful(index)]
                removable = [
                    candidate
                    for candidate in _candidates(folder, index, references, keep, quarantined=quarantined)
                    if only is None or candidate.path in only
                ]
                if not dry_run:
                    _remove(folder, index, removable)
                    _remove_empty(folder)
            candidates += removable
        except OSError as error:
            raise refused(error, folder.path) from error
    return GcReport(
        candidates=tuple(candidates), removed=not dry_run, in_use=tuple(in_use), doubtful=tuple(doubtful)
    )


@contextmanager
def _undisturbed(folder: Folder, *, dry_run: bool) -> Iterator[bool]:
    """Yield whether nobody else uses the folder; to be removed from, it is locked against new users too."""
    with nullcontext() if dry_run else folder.locked(), alone(folder.identity) as is_free:
        yield is_free and not held_by_others(folder.locks)


def _holding(folder: Folder) -> Holding:
    index = folder.load()
    signatures = {entry.signature for entry in index.values()}
    return Holding(
        key=folder.path.name,
        model=_model_name(folder),
        rows=index.n_rows(),
        layers=tuple(sorted({layer for layers, _ in signatures for layer in layers})),
        positions=tuple(sorted({position for _, positions in signatures for position in positions})),
        dtype=next((entry.dtype for entry in index.values()), ""),
        n_shards=len(index),
        n_bytes=sum(entry.n_bytes for entry in index.values()),
        studies=tuple(reference.study for reference in read_references(folder) if not reference.is_stale),
    )


def _model_name(folder: Folder) -> str:
    # For people only: an unreadable note must not hide what is stored.
    with suppress(OSError, ValueError, AttributeError):
        return str(read_json(folder.about, most_bytes=_LONGEST_NOTE).get("model", ""))
    return ""


def _candidates(
    folder: Folder,
    index: Index,
    references: list[Reference],
    keep: Collection[str],
    *,
    quarantined: bool,
) -> Iterator[Leftover]:
    needed = set(keep).union(*(ref.shards(index) for ref in references if not ref.is_stale))
    for file in folder.shard_files():
        if file.name not in needed and file.suffix == ".safetensors":
            yield from _candidate(file, "no study names it")
    for reference in references:
        if reference.is_stale:
            yield from _candidate(reference.file, f"its study is gone: {reference.study}")
    for parent in (folder.path, folder.references, folder.shards, folder.entries):
        for file in sorted(parent.glob(".*")) if parent.is_dir() else []:
            if is_temporary(file) and not _is_being_written(folder, file):
                yield from _candidate(file, "unfinished copy of a killed process")
    if quarantined and folder.quarantine.is_dir():
        for file in sorted(folder.quarantine.iterdir()):
            yield from _candidate(file, "moved aside by verify")


def _candidate(file: Path, reason: str) -> Iterator[Leftover]:
    with suppress(FileNotFoundError):  # a list of what may go is made beside those that write and remove
        yield Leftover(path=file, n_bytes=file.stat().st_size, reason=reason)


def _is_being_written(folder: Folder, temporary: Path) -> bool:
    shard = temporary.name[1:].partition(".safetensors")[0] + ".safetensors"
    lock = folder.lock_of(shard)
    if lock not in lock_files(folder.locks):
        return False
    with cache_lock(lock, wait=False) as free:
        return not free


def _remove(folder: Folder, index: Index, candidates: list[Leftover]) -> None:
    # Struck off the index first: a kill in between leaves whole unlisted files, not entries without a file.
    names = {candidate.path.name for candidate in candidates if candidate.path.parent == folder.shards}
    if names & index.keys():
        fold(folder, without=names)
    for candidate in candidates:
        candidate.path.unlink(missing_ok=True)


def _remove_if_bare(folder: Folder, *, dry_run: bool) -> None:
    if not dry_run:
        _remove_folder(folder.path)


def _remove_empty(folder: Folder) -> None:
    """Remove a folder in which nothing is stored; a kill on the way leaves what the next call removes."""
    left = [path for path in (folder.shards, folder.references, folder.quarantine) if path.is_dir()]
    if any(any(path.iterdir()) for path in left):
        return
    for path in left:
        path.rmdir()
    # The identity goes after all that it stands for, and the lock that is held after the identity.
    for path in [folder.entry(number) for number in folder.entry_numbers()]:
        path.unlink(missing_ok=True)
    for path in (folder.about, folder.migrated, folder.manifest, folder.index, folder.identity):
        for leftover in (*temporaries(path), path):
            leftover.unlink(missing_ok=True)
    # Before the guard: whoever waits for that one makes the folders anew the moment it is gone.
    _remove_folder(folder.entries)
    for path in sorted(lock_files(folder.locks), key=lambda path: path == folder.guard):
        remove_lock(path)
    _remove_folder(folder.locks)
    _remove_folder(folder.path)


def _remove_folder(path: Path) -> None:
    with suppress(OSError):  # something of the user's lies beside: it stays, and so does the folder
        path.rmdir()
