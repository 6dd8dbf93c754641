"""Reading one layer at one position out of many shards, every byte checked on the way."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unsinter.cache.errors import CacheError, damaged, unreadable
from unsinter.cache.manifest import Entry, Manifest
from unsinter.cache.shard import STORED, ShardHeader, check_owner, read_header, read_range


class Part(NamedTuple):
    """The asked rows that one shard holds."""

    name: str
    source: np.ndarray
    """Their places in the shard."""
    target: np.ndarray
    """Their places in the answer."""

    def run(self, n_rows: int) -> slice | None:
        """Return the slice of the answer that is this whole shard in its own order, if it is one."""
        whole = len(self.source) == n_rows and bool((self.source == np.arange(n_rows)).all())
        first = int(self.target[0])
        if whole and bool((self.target == np.arange(first, first + n_rows)).all()):
            return slice(first, first + n_rows)
        return None


class RowIndex:
    """Where each row of one set of shards is: built once per set, whatever the layer."""

    def __init__(self, manifest: Manifest, names: tuple[str, ...]) -> None:
        self.names = names
        self._starts = np.cumsum([0, *(len(manifest[name].plan.rows) for name in names)])
        self._place: dict[str, int] = {}
        for start, name in zip(self._starts.tolist(), names, strict=False):
            for place, row in enumerate(manifest[name].plan.rows, start):
                self._place.setdefault(row, place)

    def parts(self, rows: Sequence[str]) -> list[Part]:
        """Return the shards that together hold rows; KeyError names the first row that none holds."""
        places = np.fromiter((self._place[row] for row in rows), dtype=np.int64, count=len(rows))
        shard_of = np.searchsorted(self._starts, places, side="right") - 1
        return [
            Part(self.names[number], places[target] - self._starts[number], target)
            for number in np.unique(shard_of).tolist()
            for target in [np.flatnonzero(shard_of == number)]
        ]


class ShardReader:
    """Shards of one folder, opened, held against the manifest and read."""

    def __init__(self, folder: Path, identity_key: str) -> None:
        self._folder, self._identity_key = folder, identity_key
        self._headers: dict[str, tuple[tuple[int, int, int], ShardHeader]] = {}

    def fill(
        self, out: np.ndarray, parts: Sequence[Part], *, manifest: Manifest, place: tuple[int, str]
    ) -> None:
        """Fill out (n_rows, d_model), of the stored bits or of float32, from the parts.

        Raises
        ------
        CacheError : a shard is gone, truncated, foreign, or a byte of it changed; out is then not to be used.
        """
        for part in parts:
            entry = manifest[part.name]
            run = part.run(len(entry.plan.rows))
            direct = run is not None and out.dtype == STORED[entry.dtype][1]
            bits = (
                out[run]
                if direct
                else np.empty((len(entry.plan.rows), entry.d_model), STORED[entry.dtype][1])
            )
            self._read(part.name, entry, place=place, out=bits)
            if direct:
                continue
            if run is not None:
                widen(bits, entry.dtype, out=out[run])
            elif out.dtype == bits.dtype:
                out[part.target] = bits[part.source]
            else:
                out[part.target] = widen(bits[part.source], entry.dtype)

    def _read(self, name: str, entry: Entry, *, place: tuple[int, str], out: np.ndarray) -> None:
        path = self._folder / name
        try:
            with path.open("rb", buffering=0) as file:
                header = self._header(path, file.fileno(), entry)
                read_range(path, file.fileno(), header, place=place, out=out)
        except FileNotFoundError:
            raise gone(path, entry) from None
        except OSError as error:
            raise unreadable(error, path) from error

    def _header(self, path: Path, descriptor: int, entry: Entry) -> ShardHeader:
        status = os.fstat(descriptor)
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        known = self._headers.get(path.name)
        if known is not None and known[0] == seen and known[1].sha256 == entry.header_sha256:
            return known[1]
        header = read_header(path, descriptor, status.st_size)
        check_owner(path, header, identity_key=self._identity_key)
        if header.sha256 != entry.header_sha256:
            raise damaged(path, "its header is not the one in manifest.json", n_rows=len(entry.plan.rows))
        self._headers[path.name] = (seen, header)
        return header


def gone(path: Path, entry: Entry) -> CacheError:
    """Return the error for a shard that the manifest lists and the folder lacks."""
    return CacheError(
        f"{path}: this shard is listed in manifest.json and is gone; put it back, or run `unsinter cache "
        f"verify` to strike it off, then run the study again to recompute its {len(entry.plan.rows)} rows."
    )


def widen(bits: np.ndarray, dtype: str, *, out: np.ndarray | None = None) -> np.ndarray:
    """Return stored bits as float32, exactly: every stored type is a subset of it."""
    if out is None:
        out = np.empty(bits.shape, np.float32)
    if dtype == "bfloat16":
        np.left_shift(bits, 16, out=out.view(np.uint32), dtype=np.uint32)
    else:
        out[...] = bits
    return out
