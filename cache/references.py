"""Which studies need what: one small file per study in each model's folder, by content and not by shard."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import CacheError, refused, unreadable
from unsinter.cache.index import Index
from unsinter.cache.key import canonical, check_row_keys
from unsinter.cache.location import read_regular
from unsinter.cache.manifest import Folder
from unsinter.cache.places.locks import has_soft_locks
from unsinter.cache.places.remote import RemotePath
from unsinter.cache.plan import plan_missing
from unsinter.cache.shard import ShardPlan, read_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A study's claim on rows, layers and positions."""

    file: Path
    study: Path
    needs: ShardPlan
    is_sealed: bool
    """Whether the note carries a digest of itself; those of earlier versions do not."""

    @property
    def is_stale(self) -> bool:
        """Whether the study's folder is gone; a folder that cannot be looked at may be there.

        In a store or on network storage that many machines share it may be on any of them.
        """
        if isinstance(self.file, RemotePath) or has_soft_locks(self.file.parent):
            return False
        try:
            return not self.study.exists()
        except (
            OSError,
            ValueError,
            OverflowError,
        ):  # a name that no file can have: what it needs stays, rather than goes
            return False

    def is_doubtful(self, index: Index) -> bool:
        """Whether a note without a digest names what is not stored, as one with a changed byte would."""
        return not self.is_sealed and bool(plan_missing(index, self.needs, rows_per_shard=1024))

    def shards(self, index: Index) -> set[str]:
        """Return the names of the stored shards that hold anything the study needs; all, where in doubt."""
        if self.is_doubtful(index):
            return set(index)
        return index.names_holding(self.needs)


def is_noted(folder: Folder, study: Path, needs: ShardPlan) -> bool:
    """Say whether the folder holds exactly this note already."""
    path, content = _note(folder, study, needs)
    try:
        return read_regular(path) == content
    except OSError:
        return False


def write_reference(folder: Folder, study: Path, needs: ShardPlan) -> None:
    """Write, or write anew, what a study needs of a folder; call it with the lock held.

    Raises
    ------
    CacheError : the operating system refused the write.
    """
    path, content = _note(folder, study, needs)
    try:
        make_folder(path.parent)
        sweep(path)
        write_atomically(path, [content])
    except OSError as error:
        raise refused(error, path, n_bytes=len(content)) from error


def read_references(folder: Folder) -> list[Reference]:
    """Return every study's claim on a folder.

    Raises
    ------
    CacheError : one of the files is damaged or cannot be read; what its study needs is then unknown, and
    nothing must be removed.
    """
    references = []
    for file in sorted(folder.references.glob("*.json")) if folder.references.is_dir() else []:
        try:
            references.append(_read(file))
        except FileNotFoundError:
            continue  # removed meanwhile
        except OSError as error:
            raise unreadable(error, file) from error
        except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CacheError(
                f"{file}: this note of what a study needs is damaged; move it away and run that study "
                "again, which writes it anew."
            ) from error
    return references


def _note(folder: Folder, study: Path, needs: ShardPlan) -> tuple[Path, bytes]:
    resolved = str(study.resolve())
    note = canonical(
        {"study": resolved, "rows": needs.rows, "layers": needs.layers, "positions": needs.positions}
    )
    content = b'{"note":%b,"sha256":"%b"}\n' % (note, hashlib.sha256(note).hexdigest().encode())
    return folder.references / _name_of(resolved), content


def _name_of(study: str) -> str:
    return f"{hashlib.sha256(study.encode()).hexdigest()[:40]}.json"


def _read(file: Path) -> Reference:
    table = json.loads(read_regular(file))
    is_sealed = "sha256" in table or "note" in table
    note: dict[str, Any] = table["note"] if is_sealed else table
    if is_sealed and hashlib.sha256(canonical(note)).hexdigest() != table["sha256"]:
        raise ValueError("digest")
    if not isinstance(note["study"], str) or _name_of(note["study"]) != file.name:
        raise ValueError("study")
    needs = read_plan(note["rows"], note["layers"], note["positions"])
    check_row_keys(needs.rows)
    return Reference(file=file, study=Path(note["study"]), needs=needs, is_sealed=is_sealed)
