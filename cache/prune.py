"""What a cache holds, and what of it no study names any more."""

import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unsinter.cache.atomic import held, is_temporary
from unsinter.cache.errors import refused
from unsinter.cache.inspection import folders
from unsinter.cache.manifest import Folder, Manifest
from unsinter.cache.references import read_references


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
class Candidate:
    """A file that may go."""

    path: Path
    n_bytes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """What no study names, and whether it was removed."""

    candidates: tuple[Candidate, ...]
    removed: bool

    @property
    def n_bytes(self) -> int:
        """Bytes of all candidates together."""
        return sum(candidate.n_bytes for candidate in self.candidates)


def ls(root: Path) -> list[Holding]:
    """Return what is stored under root, one entry per model identity.

    Raises
    ------
    CacheError : a manifest is damaged or missing.
    """
    return [_holding(folder) for folder in folders(Path(root))]


def gc(
    root: Path, *, keep: Collection[str] = (), dry_run: bool = True, quarantined: bool = False
) -> GcReport:
    """Return what may go under root, and remove it unless dry_run.

    That is: shards that hold nothing which an existing study needs, notes of studies whose folder is gone,
    and unfinished copies of killed processes; with quarantined, also the files that `verify` moved aside.
    keep names identities or shards to leave alone whatever the notes say.

    Raises
    ------
    CacheError : a manifest or a study's note is damaged, or the operating system refused.
    """
    candidates: list[Candidate] = []
    for folder in folders(Path(root)):
        if folder.path.name in keep or not folder.locks.is_dir():
            continue
        try:
            if dry_run:
                candidates += _candidates(folder, folder.load(), keep, quarantined=quarantined)
                continue
            with folder.locked():
                manifest = folder.load()
                found = list(_candidates(folder, manifest, keep, quarantined=quarantined))
                _remove(folder, manifest, found)
            candidates += found
            _remove_empty(folder)
        except OSError as error:
            raise refused(error, folder.path) from error
    return GcReport(candidates=tuple(candidates), removed=not dry_run)


def _holding(folder: Folder) -> Holding:
    manifest = folder.load()
    plans = [entry.plan for entry in manifest.values()]
    return Holding(
        key=folder.path.name,
        model=_model_name(folder),
        rows=len({row for plan in plans for row in plan.rows}),
        layers=tuple(sorted({layer for plan in plans for layer in plan.layers})),
        positions=tuple(sorted({position for plan in plans for position in plan.positions})),
        dtype=next((entry.dtype for entry in manifest.values()), ""),
        n_shards=len(manifest),
        n_bytes=sum(entry.n_bytes for entry in manifest.values()),
        studies=tuple(reference.study for reference in read_references(folder) if not reference.is_stale),
    )


def _model_name(folder: Folder) -> str:
    # For people only: an unreadable note must not hide what is stored.
    with suppress(OSError, ValueError, AttributeError):
        return str(json.loads(folder.about.read_bytes()).get("model", ""))
    return ""


def _candidates(
    folder: Folder, manifest: Manifest, keep: Collection[str], *, quarantined: bool
) -> Iterator[Candidate]:
    references = read_references(folder)
    needed = set(keep).union(*(ref.shards(manifest) for ref in references if not ref.is_stale))
    for file in folder.shard_files():
        if file.name not in needed and file.suffix == ".safetensors":
            yield _candidate(file, "no study names it")
    for reference in references:
        if reference.is_stale:
            yield _candidate(reference.file, f"its study is gone: {reference.study}")
    for file in sorted(folder.shards.glob(".*")):
        if is_temporary(file) and not _is_being_written(folder, file):
            yield _candidate(file, "unfinished copy of a killed process")
    if quarantined and folder.quarantine.is_dir():
        for file in sorted(folder.quarantine.iterdir()):
            yield _candidate(file, "moved aside by verify")


def _candidate(file: Path, reason: str) -> Candidate:
    return Candidate(path=file, n_bytes=file.stat().st_size, reason=reason)


def _is_being_written(folder: Folder, temporary: Path) -> bool:
    shard = temporary.name[1:].partition(".safetensors")[0] + ".safetensors"
    lock = folder.lock_of(shard)
    if not lock.exists():
        return False
    with held(lock, wait=False) as free:
        return not free


def _remove(folder: Folder, manifest: Manifest, found: list[Candidate]) -> None:
    # Struck off the manifest first: a kill in between leaves whole unlisted files, not entries without a
    # file.
    names = {candidate.path.name for candidate in found if candidate.path.parent == folder.shards}
    kept = {name: entry for name, entry in manifest.items() if name not in names}
    if len(kept) < len(manifest):
        folder.save(kept)
    for candidate in found:
        candidate.path.unlink(missing_ok=True)


def _remove_empty(folder: Folder) -> None:
    left = [path for path in (folder.shards, folder.references, folder.quarantine) if path.is_dir()]
    if any(any(path.iterdir()) for path in left):
        return
    for path in (folder.identity, folder.about, folder.manifest):
        path.unlink(missing_ok=True)
    for path in left:
        path.rmdir()
    shutil.rmtree(folder.locks)
    with suppress(OSError):  # something of the user's lies beside: it stays, and so does the folder
        folder.path.rmdir()
