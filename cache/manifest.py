"""The manifest: the only truth about which rows, layers and positions a folder holds completely."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsinter.cache.atomic import file_lock, write_atomically
from unsinter.cache.errors import CacheError, refused, unreadable
from unsinter.cache.key import FORMAT_VERSION, JSON, canonical
from unsinter.cache.shard import STORED, ShardHeader, ShardPlan, read_plan

_CUT = 64  # hexadecimal digits of a row key


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One complete shard: what it holds, how long the file is, and the SHA-256 of its header."""

    plan: ShardPlan
    dtype: str
    d_model: int
    n_bytes: int
    header_sha256: str

    @classmethod
    def of(cls, header: ShardHeader) -> "Entry":
        """Return the entry that a shard's own header implies."""
        return cls(
            plan=header.plan,
            dtype=header.dtype,
            d_model=header.d_model,
            n_bytes=header.n_bytes,
            header_sha256=header.sha256,
        )


Manifest = Mapping[str, Entry]
"""File name of a shard -> its entry."""


class Folder:
    """The paths of one identity's folder, and its manifest read and written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shards = path / "shards"
        self.locks = path / "locks"
        self.references = path / "references"
        self.quarantine = path / "quarantine"
        self.identity = path / "identity.json"
        self.about = path / "about.json"
        self.manifest = path / "manifest.json"

    def shard_files(self) -> list[Path]:
        """Return every file in the shard folder that is not a temporary one, sorted."""
        return [file for file in self._inside(self.shards) if not file.name.startswith(".")]

    def hidden_files(self) -> list[Path]:
        """Return the files of the shard folder that begin with a dot, as temporary ones do, sorted."""
        return [file for file in self._inside(self.shards) if file.name.startswith(".")]

    @staticmethod
    def _inside(folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except FileNotFoundError:  # not made yet, or removed by `gc` between two looks
            return []

    def lock_of(self, shard: str) -> Path:
        """Return the lock file of a shard."""
        return self.locks / f"{shard}.lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock under which the manifest and the list of shards change."""
        with file_lock(self.locks / "manifest.lock", wait=True):
            yield

    def load(self) -> dict[str, Entry]:
        """Return the manifest; empty where nothing was ever stored.

        Raises
        ------
        CacheError : it is damaged, unreadable, or missing although there are shards.
        """
        try:
            return _decode(self.manifest.read_bytes(), self.manifest)
        except FileNotFoundError:
            n_shards = len(self.shard_files())
            if n_shards == 0 or self.manifest.exists():  # written since: then there is something to read
                return self.load() if n_shards else {}
            raise CacheError(
                f"{self.manifest}: the index of {n_shards} stored shards is missing; run `unsinter cache "
                "verify --rebuild` to write it again from the shards themselves: no row is lost."
            ) from None
        except OSError as error:
            raise unreadable(error, self.manifest) from error

    def save(self, manifest: Manifest) -> None:
        """Replace the manifest; call it with the lock held.

        Raises
        ------
        CacheError : the operating system refused the write.
        """
        content = _encode(manifest, self.path.name)
        try:
            write_atomically(self.manifest, [content])
        except OSError as error:
            raise refused(error, self.manifest, n_bytes=len(content)) from error


def _encode(manifest: Manifest, identity_key: str) -> bytes:
    shards: dict[str, JSON] = {
        name: {
            # One text instead of a list: a tenth of the time to read back.
            "rows": "".join(entry.plan.rows),
            "layers": entry.plan.layers,
            "positions": entry.plan.positions,
            "dtype": entry.dtype,
            "d_model": entry.d_model,
            "bytes": entry.n_bytes,
            "header_sha256": entry.header_sha256,
        }
        for name, entry in manifest.items()
    }
    body = canonical({"format": FORMAT_VERSION, "identity": identity_key, "shards": shards})
    return b'{"manifest":%b,"sha256":"%b"}\n' % (body, hashlib.sha256(body).hexdigest().encode())


def _decode(raw: bytes, path: Path) -> dict[str, Entry]:
    head, tail = b'{"manifest":', b',"sha256":"'
    body = raw[len(head) : raw.rfind(tail)]
    try:
        table = json.loads(raw)
        if table["sha256"] != hashlib.sha256(body).hexdigest():
            raise ValueError("digest")
        if table["manifest"]["identity"] != path.parent.name:
            raise ValueError("identity")
        return {name: _entry(entry) for name, entry in table["manifest"]["shards"].items()}
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CacheError(
            f"{path}: the index is damaged or another folder's; run `unsinter cache verify --rebuild` to "
            "set it aside and write it again from the shards themselves: no row is lost."
        ) from error


def _entry(entry: Mapping[str, Any]) -> Entry:
    """Return one entry of the index; an error of any kind where a value is missing or not of its type."""
    rows = [entry["rows"][at : at + _CUT] for at in range(0, len(entry["rows"]), _CUT)]
    made = Entry(
        plan=read_plan(rows, entry["layers"], entry["positions"]),
        dtype=entry["dtype"],
        d_model=entry["d_model"],
        n_bytes=entry["bytes"],
        header_sha256=entry["header_sha256"],
    )
    sizes = (made.d_model, made.n_bytes)
    if made.dtype not in STORED or not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError("dtype or size")
    if not isinstance(made.header_sha256, str):
        raise ValueError("digest")
    return made
