"""Which studies need what: one small file per study in each model's folder, by content and not by shard."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from unsinter.cache.atomic import sweep, write_atomically
from unsinter.cache.errors import CacheError, refused
from unsinter.cache.key import canonical
from unsinter.cache.manifest import Folder, Manifest
from unsinter.cache.plan import shards_of_rows
from unsinter.cache.shard import ShardPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A study's claim on rows, layers and positions."""

    file: Path
    study: Path
    needs: ShardPlan

    @property
    def is_stale(self) -> bool:
        """Whether the study's folder is gone."""
        return not self.study.exists()

    def shards(self, manifest: Manifest) -> set[str]:
        """Return the names of the stored shards that hold anything the study needs."""
        return {name for names in shards_of_rows(manifest, self.needs).values() for name in names}


def write_reference(folder: Folder, study: Path, needs: ShardPlan) -> None:
    """Write, or write anew, what a study needs of a folder; call it with the lock held.

    Raises
    ------
    CacheError : the operating system refused the write.
    """
    resolved = str(study.resolve())
    path = folder.references / f"{hashlib.sha256(resolved.encode()).hexdigest()[:40]}.json"
    content = canonical(
        {"study": resolved, "rows": needs.rows, "layers": needs.layers, "positions": needs.positions}
    )
    try:
        path.parent.mkdir(exist_ok=True)
        sweep(path)
        write_atomically(path, [content])
    except OSError as error:
        raise refused(error, path, n_bytes=len(content)) from error


def read_references(folder: Folder) -> list[Reference]:
    """Return every study's claim on a folder.

    Raises
    ------
    CacheError : one of the files is damaged; what its study needs is then unknown, and nothing must be
    removed.
    """
    found = []
    for file in sorted(folder.references.glob("*.json")) if folder.references.is_dir() else []:
        try:
            table = json.loads(file.read_bytes())
            needs = ShardPlan(
                rows=tuple(table["rows"]), layers=tuple(table["layers"]), positions=tuple(table["positions"])
            )
            found.append(Reference(file=file, study=Path(table["study"]), needs=needs))
        except (ValueError, KeyError, TypeError) as error:
            raise CacheError(
                f"{file}: this note of what a study needs is damaged; move it away and run that study "
                "again, which writes it anew."
            ) from error
    return found
