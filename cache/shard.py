"""Shards: immutable safetensors files, one tensor per layer, that say in their header what they hold.

A tensor `layer.NN` has shape (positions, rows, d_model), so that one layer of a shard, and within it one
position, is one contiguous range of bytes. The header carries the digest of the payload, and the manifest the
digest of the header: together they fix every byte of the file.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unsinter.cache.errors import ForeignShardError, damaged, unreadable
from unsinter.cache.key import FORMAT_VERSION, canonical, check_row_keys, digest
from unsinter.cache.pieces import fingerprint, pieces
from unsinter.cache.places.ranges import Ranges, digest_from, first_bytes, open_ranges

STORED: Mapping[str, tuple[str, type[np.generic]]] = {
    "float32": ("F32", np.float32),
    "float16": ("F16", np.float16),
    "bfloat16": ("BF16", np.uint16),
}
"""dtype of a store -> its safetensors name and the NumPy type of its bits."""

ALIGNMENT = 64
"""Bytes, of payloads in files and of arrays read into: the kernel copies unlike phases half as fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlan:
    """What one shard holds: a rectangle of rows x layers x positions."""

    rows: tuple[str, ...]
    layers: tuple[int, ...]
    positions: tuple[str, ...]

    def name(self, identity_key: str, dtype: str) -> str:
        """Return the file name: a digest of everything the shard holds, so equal shards have equal names."""
        content = (identity_key, self.rows, self.layers, self.positions, dtype)
        return f"{digest(content)[:40]}.safetensors"


def read_plan(rows: object, layers: object, positions: object) -> ShardPlan:
    """Return the plan in a file's JSON.

    Raises
    ------
    ValueError : a value is not of its type, or stands twice.
    """
    rows, layers, positions = _list_of(rows, str), _list_of(layers, int), _list_of(positions, str)
    if any(len(set(part)) < len(part) for part in (rows, layers, positions)) or min(layers, default=0) < 0:
        raise ValueError("a row, layer or position is given twice, or a layer is below 0")
    return ShardPlan(rows=tuple(rows), layers=tuple(layers), positions=tuple(positions))


def _list_of(values: object, kind: type) -> list[Any]:
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise ValueError("rows, layers and positions are lists of texts, whole numbers and texts")
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardHeader:
    """A shard as its own first bytes describe it."""

    plan: ShardPlan
    identity_key: str
    dtype: str
    d_model: int
    payload_sha256: str
    fingerprints: Mapping[str, str]
    start: int
    """Where the payload begins, in bytes."""
    sha256: str

    @property
    def range_bytes(self) -> int:
        """Bytes of one layer at one position."""
        return len(self.plan.rows) * self.d_model * np.dtype(STORED[self.dtype][1]).itemsize

    @property
    def n_bytes(self) -> int:
        """Bytes of the whole file."""
        return self.start + len(self.plan.layers) * len(self.plan.positions) * self.range_bytes

    def offset(self, layer: int, position: str) -> int:
        """Return where the values of a layer at a position begin in the file."""
        n_before = self.plan.layers.index(layer) * len(self.plan.positions) + self.plan.positions.index(
            position
        )
        return self.start + n_before * self.range_bytes


def encode(plan: ShardPlan, arrays: list[np.ndarray], *, identity_key: str, dtype: str) -> tuple[bytes, str]:
    """Return the header, and its SHA-256, of the shard of arrays: (positions, rows, d_model) per layer."""
    payload, start, table = hashlib.sha256(), 0, {}
    for layer, array in zip(plan.layers, arrays, strict=True):
        payload.update(array.data)
        span = [start, start + array.nbytes]
        table[f"layer.{layer:02d}"] = {
            "dtype": STORED[dtype][0],
            "shape": list(array.shape),
            "data_offsets": span,
        }
        start = span[1]
    fingerprints = {
        _range_name(layer, position): fingerprint(pieces(array[place]))
        for layer, array in zip(plan.layers, arrays, strict=True)
        for place, position in enumerate(plan.positions)
    }
    metadata = {
        "format": str(FORMAT_VERSION),
        "identity": identity_key,
        "dtype": dtype,
        "d_model": str(arrays[0].shape[2]),
        "rows": " ".join(plan.rows),
        "layers": canonical(plan.layers).decode(),
        "positions": canonical(plan.positions).decode(),
        "fingerprints": canonical(fingerprints).decode(),
        "payload_sha256": payload.hexdigest(),
    }
    text = json.dumps({"__metadata__": metadata, **table}, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    header = len(text).to_bytes(8, "little") + text
    return header, hashlib.sha256(header).hexdigest()


def read_header(path: Path, file: Ranges, n_bytes: int) -> ShardHeader:
    """Return the header of an open shard of n_bytes.

    Raises
    ------
    CacheError : the file is no shard of this format, or its size is not what its header implies.
    """
    length = int.from_bytes(first_bytes(file, 8), "little")
    raw = first_bytes(file, 8 + length) if length <= n_bytes - 8 else b""
    if len(raw) != 8 + length or length == 0:
        raise damaged(path, f"its header is cut off or overwritten ({n_bytes} bytes on disk)")
    try:
        metadata = json.loads(raw[8:])["__metadata__"]
        header = ShardHeader(
            plan=read_plan(
                metadata["rows"].split(" "),
                json.loads(metadata["layers"]),
                json.loads(metadata["positions"]),
            ),
            identity_key=metadata["identity"],
            dtype=metadata["dtype"],
            d_model=int(metadata["d_model"]),
            payload_sha256=metadata["payload_sha256"],
            fingerprints=json.loads(metadata["fingerprints"]),
            start=len(raw),
            sha256=hashlib.sha256(raw).hexdigest(),
        )
        expected = header.n_bytes
        if not (type(header.identity_key) is type(header.payload_sha256) is str and header.d_model >= 0):
            raise ValueError("identity, digest or width")
        check_row_keys(header.plan.rows)
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(path, "its header is not one that this cache writes") from error
    if n_bytes != expected:
        raise damaged(
            path, f"it has {n_bytes} bytes where its header says {expected}", n_rows=len(header.plan.rows)
        )
    return header


def check_shard(path: Path, *, identity_key: str) -> ShardHeader:
    """Read every byte of a shard and return its header.

    Raises
    ------
    CacheError : a byte is not what was written, the shard is another model's, or its name is not its
    content's.
    """
    try:
        with open_ranges(path, regular=True) as file:
            header = read_header(path, file, file.version()[1])
            check_owner(path, header, identity_key=identity_key)
            digest = digest_from(file, header.start)
    except OSError as error:
        raise unreadable(error, path) from error
    if digest != header.payload_sha256:
        raise damaged(path, "its values are not the bytes that were written", n_rows=len(header.plan.rows))
    if path.name != header.plan.name(identity_key, header.dtype):
        raise damaged(path, "its name is not the digest of what its header says it holds")
    return header


def check_owner(path: Path, header: ShardHeader, *, identity_key: str) -> None:
    """Raise CacheError if the shard was written for another model identity."""
    owner = header.identity_key
    if owner != identity_key and sum(a != b for a, b in zip(owner, identity_key, strict=False)) < 8:
        raise damaged(path, "its header is not the one that was written", n_rows=len(header.plan.rows))
    if owner != identity_key:  # two digests differ in 60 of 64 digits: fewer than 8 is damage
        raise ForeignShardError(
            f"{path}: this shard belongs to another model (identity {header.identity_key[:12]}, not "
            f"{identity_key[:12]}); run `unsinter cache verify` to move it to quarantine, then run the "
            "study again to recompute what it replaced (every other shard stays as it is)."
        )


def read_range(
    path: Path, file: Ranges, header: ShardHeader, place: tuple[int, str], *, out: np.ndarray, check: bool
) -> None:
    """Fill out, (rows, d_model) and contiguous, with the bits of one (layer, position), checked if asked.

    Raises
    ------
    CacheError : they are not the bits that were written.
    """
    raw = pieces(out) if check else iter([out.reshape(-1).view(np.uint8)])
    fetched = _fetched(raw, file, header.offset(*place))
    if check:
        sound = fingerprint(fetched) == header.fingerprints.get(_range_name(*place))
    else:
        sound = sum(part.size for part in fetched) == out.nbytes
    if not sound:
        where = f"layer {place[0]} at {place[1]}"
        raise damaged(path, f"the values of {where} are not the bytes that were written", n_rows=len(out))


def _fetched(parts: Iterable[np.ndarray], file: Ranges, offset: int) -> Iterator[np.ndarray]:
    # Summed right after it is read, a piece need not come from main memory twice.
    for part in parts:
        if file.read_into(part.data, offset) < part.size:
            return  # cut off since its size was checked: the fingerprint will not match
        offset += part.size
        yield part


def _range_name(layer: int, position: str) -> str:
    return f"{layer} {position}"
