"""Reading one layer at one position out of many shards, every byte checked on the way."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unsinter.cache.entries import ShardEntry
from unsinter.cache.errors import CacheError, damaged, unreadable
from unsinter.cache.index import Index, RowTable, as_keys
from unsinter.cache.key import pack
from unsinter.cache.pieces import widen
from unsinter.cache.places.ranges import Ranges, open_ranges
from unsinter.cache.shard import ALIGNMENT, STORED, ShardHeader, check_owner, read_header, read_range

_AHEAD = 8
"""Shards opened ahead of the one being read, so that a cold disk always has the next ranges on order."""

Site = tuple[int, str]  # (layer, position)


class Part(NamedTuple):
    """The asked rows that one shard holds."""

    name: str
    source: np.ndarray
    """Their places in the shard, ascending."""
    target: np.ndarray
    """Their places in the answer."""
    is_whole: bool
    """Whether they are all the shard's rows."""
    run: slice | None
    """The piece of the answer that is this whole shard in its own order, if there is one."""


class RowIndex:
    """Where each row of one set of shards is: built once per set, whatever the layer."""

    def __init__(self, index: Index, names: tuple[str, ...]) -> None:
        self.names = names
        entries = [index[name] for name in names]
        self._starts = np.cumsum([0, *(entry.n_rows for entry in entries)])
        self._table = RowTable(b"".join(entry.rows for entry in entries))
        self._last: tuple[tuple[str, ...], list[Part]] = ((), [])

    def parts(self, rows: Sequence[str]) -> list[Part]:
        """Return the shards that together hold rows, or raise KeyError naming the first that none holds."""
        keys = tuple(rows)
        if self._last[0] == keys:  # layer after layer is read for the same rows
            return self._last[1]
        places = self._places(keys)
        target = np.argsort(places, kind="stable")
        source = places[target]
        cuts = np.searchsorted(source, self._starts).tolist()
        parts = [
            self._part(number, source[cut:end], target[cut:end])
            for number, (cut, end) in enumerate(pairwise(cuts))
            if end > cut
        ]
        self._last = (keys, parts)
        return parts

    def _places(self, rows: tuple[str, ...]) -> np.ndarray:
        """Return the place of each row, the first where several shards hold it."""
        places = np.full(len(rows), -1)
        try:
            number, place = self._table.places(as_keys(pack(rows)))
        except ValueError:  # not all of them are row keys: which one is not stored is said of each
            raise KeyError(next(row for row in rows if not self._holds(row))) from None
        distinct, first = np.unique(number, return_index=True)
        places[distinct] = place[first]
        if (places < 0).any():
            raise KeyError(rows[int(np.argmax(places < 0))])
        return places

    def _holds(self, row: str) -> bool:
        try:
            return len(self._table.places(as_keys(pack([row])))[0]) > 0
        except ValueError:
            return False

    def _part(self, number: int, places: np.ndarray, target: np.ndarray) -> Part:
        start, end = self._starts[number], self._starts[number + 1]
        is_whole = len(places) == end - start and bool((places == np.arange(start, end)).all())
        first = int(target[0])
        in_order = is_whole and bool((target == np.arange(first, first + len(target))).all())
        run = slice(first, first + len(target)) if in_order else None
        return Part(self.names[number], places - start, target, is_whole, run)


class RowIndexes:
    """Where rows are at every site that was read, for one version of the index; sites may share one."""

    def __init__(self) -> None:
        self._known: tuple[int, dict[Site, tuple[str, ...]], dict[tuple[str, ...], RowIndex]] = (-1, {}, {})

    def of(self, index: Index, layer: int, position: str) -> RowIndex:
        """Return where the index has rows at a site."""
        known = self._known  # which another thread may replace, by that of another index too
        if known[0] != index.version:
            known = self._known = (index.version, {}, {})
        _, names_at, indexes = known
        if (names := names_at.get((layer, position))) is None:
            at = (name for name, e in index.items() if layer in e.layers and position in e.positions)
            names = names_at[layer, position] = tuple(sorted(at))
        if (rows := indexes.get(names)) is None:
            rows = indexes[names] = RowIndex(index, names)
        return rows


@dataclass(slots=True)
class _Known:
    """A shard's header as long as the file is the one it was read from, and the ranges found sound in it."""

    seen: tuple[int, int, int]
    header: ShardHeader
    sound: set[Site] = field(default_factory=set)


class ShardReader:
    """Shards of one folder, opened, held against the index and read.

    A range is checked against its fingerprint when this process first reads it, and again once the file's
    inode, length or time of change differs: in memory, a check would cost a third of every read.
    """

    def __init__(self, folder: Path, identity_key: str) -> None:
        self._folder, self._identity_key = folder, identity_key
        self._paths: dict[str, Path] = {}
        self._headers: dict[str, _Known] = {}

    def fill(self, out: np.ndarray, parts: Sequence[Part], *, index: Index, place: Site) -> None:
        """Fill out (n_rows, d_model), of the stored bits or of float32, from the parts.

        Raises
        ------
        CacheError : a shard is gone, truncated, foreign, or a byte of it changed; out is then not to be used.
        """
        scratch = aligned(max(_n_values(index[part.name]) for part in parts), _bits(index, parts[0]))
        for part, file in self._opened(parts, index, place):
            entry = index[part.name]
            run = part.run
            direct = run is not None and out.dtype == scratch.dtype
            bits = out[run] if direct else scratch[: _n_values(entry)].reshape(-1, entry.d_model)
            self._read(part.name, file, entry, place=place, out=bits)
            if run is not None:
                if not direct:
                    widen(bits, entry.dtype, out=out[run])
                continue
            values = bits if out.dtype == bits.dtype else widen(bits, entry.dtype)
            out[part.target] = values if part.is_whole else values[part.source]

    def _opened(self, parts: Sequence[Part], index: Index, place: Site) -> Iterator[tuple[Part, Ranges]]:
        waiting: deque[tuple[Part, Ranges]] = deque()
        ahead = iter(parts)
        with ExitStack() as stack:
            while True:
                for part in islice(ahead, _AHEAD - len(waiting)):
                    file = stack.enter_context(self._open(part, index[part.name], place))
                    waiting.append((part, file))
                if not waiting:
                    return
                yield waiting[0]
                waiting.popleft()[1].close()

    def _open(self, part: Part, entry: ShardEntry, place: Site) -> Ranges:
        path = self._path(part.name)
        try:
            file = open_ranges(path)
            known = self._headers.get(part.name)
            if known is None:
                file.begin()
            else:
                file.order(known.header.offset(*place), known.header.range_bytes)
        except FileNotFoundError:
            raise gone(path, entry) from None
        except OSError as error:
            raise unreadable(error, path) from error
        return file

    def _path(self, name: str) -> Path:
        if name not in self._paths:
            self._paths[name] = self._folder / name
        return self._paths[name]

    def _read(self, name: str, file: Ranges, entry: ShardEntry, *, place: Site, out: np.ndarray) -> None:
        path = self._path(name)
        try:
            known = self._header(path, file, entry, place)
            check = place not in known.sound
            read_range(path, file, known.header, place, out=out, check=check)
            known.sound.add(place)
        except FileNotFoundError:  # as a store says it, which is not asked until it is read
            raise gone(path, entry) from None
        except OSError as error:
            raise unreadable(error, path) from error

    def _header(self, path: Path, file: Ranges, entry: ShardEntry, place: Site) -> _Known:
        seen = file.version()
        known = self._headers.get(path.name)
        if known is not None and known.seen == seen and known.header.sha256 == entry.header_sha256:
            return known
        header = read_header(path, file, seen[1])
        check_owner(path, header, identity_key=self._identity_key)
        if header.sha256 != entry.header_sha256:
            raise damaged(path, "its header is not the one in the index", n_rows=entry.n_rows)
        file.order(header.offset(*place), header.range_bytes)  # at once: it is read in pieces
        self._headers[path.name] = _Known(seen, header)
        return self._headers[path.name]


def gone(path: Path, entry: ShardEntry) -> CacheError:
    """Return the error for a shard that the index lists and the folder lacks."""
    return CacheError(
        f"{path}: this shard is listed in the index and is gone; put it back, or run `unsinter cache "
        f"verify` to strike it off, then run the study again to recompute its {entry.n_rows} rows."
    )


def _n_values(entry: ShardEntry) -> int:
    return entry.n_rows * entry.d_model


def _bits(index: Index, part: Part) -> type[np.generic]:
    return STORED[index[part.name].dtype][1]


def aligned(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Return an empty array whose first byte lies where the kernel copies fastest to."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(n_bytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + n_bytes].view(dtype).reshape(shape)
