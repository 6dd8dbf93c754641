"""What the index says of each stored shard, and the sealed files in which it stands.

A file of the index is a line that names the format, a line of JSON with one object per shard, the row keys
of all these shards as 32 bytes each, and the SHA-256 of everything before it. `entries/NNN.entry` holds one
shard; `index.bin` holds all that were folded. Format 1, one JSON text in `manifest.json`, is read.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsinter.cache.errors import CacheError
from unsinter.cache.key import FORMAT_VERSION, JSON, KEY_BYTES, canonical, has_twins, pack, unpack
from unsinter.cache.shard import STORED, ShardHeader, ShardPlan, read_plan

INDEX_VERSION = 2
"""Version of the index's own files; no part of any key, so that another one keeps what is stored."""

_NAMED = b"unsinter index "
_FIRST_LINE = _NAMED + b"%d\n" % INDEX_VERSION
_SEAL_BYTES = 32
_SHARD_NAME = re.compile(r"[0-9a-f]{40}\.safetensors")

Signature = tuple[tuple[int, ...], tuple[str, ...]]
"""Layers and positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEntry:
    """One complete shard: what it holds, how long the file is, and the SHA-256 of its header.

    Attributes
    ----------
    rows : row keys, 32 bytes each.
    """

    rows: bytes
    layers: tuple[int, ...]
    positions: tuple[str, ...]
    dtype: str
    d_model: int
    n_bytes: int
    header_sha256: str

    @classmethod
    def of(cls, header: ShardHeader) -> "ShardEntry":
        """Return the entry that a shard's own header implies.

        Raises
        ------
        ValueError : a row key is none.
        """
        return cls.for_plan(
            header.plan,
            dtype=header.dtype,
            d_model=header.d_model,
            n_bytes=header.n_bytes,
            header_sha256=header.sha256,
        )

    @classmethod
    def for_plan(cls, plan: ShardPlan, **file: Any) -> "ShardEntry":
        """Return the entry of a shard that holds what was planned."""
        return cls(rows=pack(plan.rows), layers=plan.layers, positions=plan.positions, **file)

    @property
    def n_rows(self) -> int:
        """Rows of the shard."""
        return len(self.rows) // KEY_BYTES

    @property
    def signature(self) -> Signature:
        """Layers and positions of every row."""
        return self.layers, self.positions

    @property
    def plan(self) -> ShardPlan:
        """What the shard holds."""
        return ShardPlan(rows=unpack(self.rows), layers=self.layers, positions=self.positions)

    @property
    def facts(self) -> dict[str, JSON]:
        """What an index of either format writes of the shard, beside its name and its rows."""
        return {
            "layers": self.layers,
            "positions": self.positions,
            "dtype": self.dtype,
            "d_model": self.d_model,
            "bytes": self.n_bytes,
            "header_sha256": self.header_sha256,
        }


Entries = Mapping[str, ShardEntry]
"""File name of a shard -> its entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """What one file of the index holds.

    Attributes
    ----------
    next : number from which on `entries/` holds what is not in this file; 0 in a file of one entry.
    has_earlier : whether more shards are listed in a manifest.json of format 1.
    """

    entries: Entries
    next: int = 0
    has_earlier: bool = False

    def encoded(self, identity_key: str) -> list[bytes]:
        """Return the file's bytes in pieces; equal entries give equal bytes."""
        names = sorted(self.entries)
        shards: list[JSON] = [
            {"name": name, "rows": self.entries[name].n_rows, **self.entries[name].facts} for name in names
        ]
        table: dict[str, JSON] = {
            "identity": identity_key, "next": self.next, "has_earlier": self.has_earlier, "shards": shards,
        }  # fmt: skip
        chunks = [_FIRST_LINE, canonical(table) + b"\n", *(self.entries[name].rows for name in names)]
        seal = hashlib.sha256()
        for chunk in chunks:
            seal.update(chunk)
        return [*chunks, seal.digest()]


def read_index(raw: bytes, path: Path, *, identity_key: str) -> IndexFile:
    """Return what a file of the index holds, every byte of it checked.

    Raises
    ------
    CacheError : a byte is not what was written, the file is another folder's, or of a later format.
    """
    if raw.startswith(_NAMED) and not raw.startswith(_FIRST_LINE) and raw[len(_NAMED) :][:1].isdigit():
        version = raw[len(_NAMED) :].partition(b"\n")[0].decode("ascii", "replace")[:20]
        raise CacheError(
            f"{path}: the index has the format {version}, and this unsinter reads {INDEX_VERSION}; "
            "if a later version wrote it, update unsinter, else the file is damaged: run `unsinter cache "
            "verify --rebuild` to write it again from the shards themselves: no row is lost."
        )
    try:
        return _read(raw, identity_key)
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged_index(path) from error


def damaged_index(path: Path) -> CacheError:
    """Return the error for a file of the index that must not be believed."""
    if path.suffix == ".entry":
        return CacheError(
            f"{path}: this entry of one stored shard is damaged or another folder's; run `unsinter cache "
            "verify` to move it to quarantine, then run the study again, which lists its shard anew: no row "
            "is lost."
        )
    return CacheError(
        f"{path}: the index is damaged or another folder's; run `unsinter cache verify --rebuild` to "
        "set it aside and write it again from the shards themselves: no row is lost."
    )


def _read(raw: bytes, identity_key: str) -> IndexFile:
    body = memoryview(raw)[:-_SEAL_BYTES]
    if not raw.startswith(_FIRST_LINE) or hashlib.sha256(body).digest() != raw[-_SEAL_BYTES:]:
        raise ValueError("format or seal")
    end = raw.index(b"\n", len(_FIRST_LINE))
    table = json.loads(raw[len(_FIRST_LINE) : end])
    if table["identity"] != identity_key or type(table["has_earlier"]) is not bool:
        raise ValueError("identity")
    entries, start = dict[str, ShardEntry](), end + 1
    known: dict[Signature, Signature] = {}
    for shard in table["shards"]:
        stop = start + _natural(shard["rows"]) * KEY_BYTES
        entries[shard["name"]] = _entry(shard, raw[start:stop], known)
        start = stop
    if start != len(body) or len(entries) != len(table["shards"]):
        raise ValueError("row keys are missing, or more than the shards have, or a shard stands twice")
    return IndexFile(entries=entries, next=_natural(table["next"]), has_earlier=table["has_earlier"])


def _entry(shard: Mapping[str, Any], rows: bytes, known: dict[Signature, Signature]) -> ShardEntry:
    """Return one entry; an error of any kind where a value is missing or not of its type."""
    plan = read_plan([], shard["layers"], shard["positions"])
    layers, positions = known.setdefault((plan.layers, plan.positions), (plan.layers, plan.positions))
    if shard["dtype"] not in STORED or not isinstance(shard["header_sha256"], str):
        raise ValueError("dtype or digest")
    if not _SHARD_NAME.fullmatch(shard["name"]) or not rows or has_twins(rows):
        raise ValueError("name or rows")
    return ShardEntry(
        rows=rows,
        layers=layers,
        positions=positions,
        dtype=shard["dtype"],
        d_model=_natural(shard["d_model"]),
        n_bytes=_natural(shard["bytes"]),
        header_sha256=shard["header_sha256"],
    )


def _natural(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count or size is a whole number from 0")
    return value


def encode_earlier(entries: Entries, identity_key: str) -> list[bytes]:
    """Return a manifest.json of format 1."""
    shards: dict[str, JSON] = {
        name: {"rows": entry.rows.hex(), **entry.facts} for name, entry in entries.items()
    }
    body = canonical({"format": FORMAT_VERSION, "identity": identity_key, "shards": shards})
    return [b'{"manifest":%b,"sha256":"%b"}\n' % (body, hashlib.sha256(body).hexdigest().encode())]


def read_earlier(raw: bytes, path: Path, *, identity_key: str) -> Entries:
    """Return what a manifest.json of format 1 lists.

    Raises
    ------
    CacheError : it is damaged or another folder's.
    """
    head, tail = b'{"manifest":', b',"sha256":"'
    try:
        table = json.loads(raw)
        if table["sha256"] != hashlib.sha256(raw[len(head) : raw.rfind(tail)]).hexdigest():
            raise ValueError("digest")
        if table["manifest"]["identity"] != identity_key:
            raise ValueError("identity")
        known: dict[Signature, Signature] = {}
        return {
            name: _entry({**shard, "name": name}, _packed(shard["rows"]), known)
            for name, shard in table["manifest"]["shards"].items()
        }
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged_index(path) from error


def _packed(text: str) -> bytes:
    packed = bytes.fromhex(text)
    if packed.hex() != text or len(packed) % KEY_BYTES:
        raise ValueError("row keys")
    return packed
