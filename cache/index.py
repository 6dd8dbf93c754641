"""The index in memory: every listed shard by name, and which of them hold a row."""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView

import numpy as np

from unsinter.cache.entries import Entries, ShardEntry, Signature
from unsinter.cache.key import KEY_BYTES, pack
from unsinter.cache.shard import ShardPlan


def as_keys(packed: bytes) -> np.ndarray:
    """Return packed keys as bytes (n_rows, 32)."""
    return np.frombuffer(packed, np.uint8).reshape(-1, KEY_BYTES)


class RowTable:
    """Where every key of a list stands, a key that is given several times too.

    Sorted by the first eight bytes; the others are compared when one is looked up.
    """

    def __init__(self, packed: bytes) -> None:
        self._keys = as_keys(packed)
        heads = _heads(self._keys)
        self._order = np.argsort(heads, kind="stable")
        self._sorted = heads[self._order]

    def places(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all pairs (number in wanted, place in the list) of equal keys.

        Sorted by number and then by place. wanted holds keys as bytes (n_wanted, 32).
        """
        heads = _heads(wanted)
        in_order = np.argsort(heads, kind="stable")  # sorted keys are looked up many times faster
        heads = heads[in_order]
        first = np.searchsorted(self._sorted, heads, side="left")
        n_alike = np.searchsorted(self._sorted, heads, side="right") - first
        rank = np.repeat(np.arange(len(wanted)), n_alike)
        within = np.arange(len(rank)) - np.repeat(np.cumsum(n_alike) - n_alike, n_alike)
        number, place = in_order[rank], self._order[first[rank] + within]
        equal = (self._keys[place] == wanted[number]).all(axis=1)
        number, place = number[equal], place[equal]
        back = np.argsort(number, kind="stable")
        return number[back], place[back]

    def n_distinct(self) -> int:
        """Return how many keys there are, each counted once."""
        if not len(self._keys):
            return 0
        is_new = self._sorted[1:] != self._sorted[:-1]
        alike = self._keys[self._order[1:][~is_new]] == self._keys[self._order[:-1][~is_new]]
        if alike.all():
            return 1 + int(is_new.sum())
        return len({key.tobytes() for key in self._keys})  # two digests that begin with the same eight bytes


class Index(Mapping[str, ShardEntry]):
    """What a folder lists by now: the folded shards, and behind them those of single entries.

    Entries are added while other threads read it; nothing that it holds is ever taken out.

    Attributes
    ----------
    folded : number of the first entry that `index.bin` does not hold.
    loose : number -> (name, entry) of every entry read since.
    earlier : what a manifest.json of format 1 lists.
    kinds : type and width of stored values -> a shard that holds such.
    version : grows with every change, and from one index of a folder to the next.
    """

    def __init__(
        self,
        folded: Entries | None = None,
        *,
        earlier: Entries | None = None,
        number: int = 0,
        version: int = 0,
    ) -> None:
        self.folded, self.version = number, version
        self.earlier: Entries = earlier or {}
        self.loose: dict[int, tuple[str, ShardEntry]] = {}
        self.kinds: dict[tuple[str, int], str] = {}
        self._base: dict[str, ShardEntry] = {**self.earlier, **(folded or {})}
        self._entries = dict(self._base)
        self._base_rows: tuple[RowTable, np.ndarray] | None = None
        self._loose_rows: dict[bytes, list[int]] = {}
        for name, entry in self._base.items():
            self.kinds.setdefault((entry.dtype, entry.d_model), name)

    def __getitem__(self, name: str) -> ShardEntry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))  # which other threads may add to

    def __len__(self) -> int:
        return len(self._entries)

    def items(self) -> ItemsView[str, ShardEntry]:
        """Return all entries as they are at this moment."""
        return self._entries.copy().items()

    def values(self) -> ValuesView[ShardEntry]:
        """Return all entries as they are at this moment."""
        return self._entries.copy().values()

    @property
    def next(self) -> int:
        """The number of the next entry."""
        return max([self.folded, *(number + 1 for number in list(self.loose))])

    def after_fold(self, folded: Entries, *, earlier: Entries, number: int) -> "Index":
        """Return the index that begins with what was folded before entry ``number``.

        It is another object: a thread that reads this one goes on with what it knows.
        """
        return Index(folded, earlier=earlier, number=number, version=self.version + 1)

    def add(self, number: int, name: str, entry: ShardEntry) -> None:
        """Add one entry; of two with the name of one shard, the first counts."""
        self.loose[number] = (name, entry)
        if name not in self._entries:
            self._entries[name] = entry
            self.kinds.setdefault((entry.dtype, entry.d_model), name)
            for start in range(0, len(entry.rows), KEY_BYTES):
                self._loose_rows.setdefault(entry.rows[start : start + KEY_BYTES], []).append(number)
        self.version += 1

    def names_holding(self, request: ShardPlan) -> set[str]:
        """Return the shards that hold any asked layer of any asked row at any asked position."""
        _, shards, names = self._holders(request)
        return {names[shard] for shard in np.unique(shards).tolist()}

    def rows_not_held(self, request: ShardPlan) -> list[int]:
        """Return the places of the rows of which no shard holds anything that is asked."""
        is_stored = np.zeros(len(request.rows), bool)
        is_stored[self._holders(request)[0]] = True
        return np.flatnonzero(~is_stored).tolist()

    def signatures(self, request: ShardPlan) -> tuple[np.ndarray, list[tuple[Signature, ...]]]:
        """Return which layers and positions are stored of each row, as (n_rows,) numbers into a list."""
        rows, shards, names = self._holders(request)
        numbers: dict[Signature, int] = {}
        of_shard = [numbers.setdefault(self._entries[name].signature, len(numbers)) for name in names]
        kinds, n_kinds = list(numbers), max(len(numbers), 1)
        pairs = np.unique(rows * n_kinds + np.array(of_shard, np.int64)[shards])
        rows, kind = pairs // n_kinds, pairs % n_kinds
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        codes, stored = np.zeros(len(request.rows), np.int64), list[tuple[Signature, ...]]([()])
        for step in range(int(rank.max(initial=-1)) + 1):
            now = rank == step
            longer, place = np.unique(codes[rows[now]] * n_kinds + kind[now], return_inverse=True)
            codes[rows[now]] = len(stored) + place
            stored += [(*stored[code // n_kinds], kinds[code % n_kinds]) for code in longer.tolist()]
        return codes, stored

    def n_rows(self) -> int:
        """Return how many distinct rows are stored."""
        return RowTable(b"".join(entry.rows for entry in self.values())).n_distinct()

    def _holders(self, request: ShardPlan) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return (row, shard) pairs as places in the request and in a list of names, and that list."""
        packed = pack(request.rows)
        table, starts = self._folded_rows()
        rows, places = table.places(as_keys(packed))
        shards = np.searchsorted(starts, places, side="right") - 1
        names, loose_rows, loose_shards = list(self._base), list[int](), list[int]()
        if self._loose_rows:
            loose = self.loose.copy()  # to which another thread may add
            place_of = {number: len(names) + place for place, number in enumerate(loose)}
            names += [name for name, _ in loose.values()]
            for row in range(len(request.rows)):
                key = packed[row * KEY_BYTES : (row + 1) * KEY_BYTES]
                places_of_row = [place_of[n] for n in self._loose_rows.get(key, ()) if n in place_of]
                loose_rows += [row] * len(places_of_row)
                loose_shards += places_of_row
        rows = np.concatenate([rows, np.array(loose_rows, np.int64)])
        shards = np.concatenate([shards, np.array(loose_shards, np.int64)])
        touches = np.zeros(len(names), bool)
        for shard in np.unique(shards).tolist():
            touches[shard] = _touches(self._entries[names[shard]], request)
        kept = touches[shards]
        return rows[kept], shards[kept], names

    def _folded_rows(self) -> tuple[RowTable, np.ndarray]:
        if self._base_rows is None:
            entries = self._base.values()
            starts = np.cumsum([0, *(entry.n_rows for entry in entries)])[:-1]
            self._base_rows = RowTable(b"".join(entry.rows for entry in entries)), starts
        return self._base_rows


def _touches(entry: ShardEntry, request: ShardPlan) -> bool:
    is_apart = set(entry.layers).isdisjoint(request.layers) or set(entry.positions).isdisjoint(
        request.positions
    )
    return not is_apart


def _heads(keys: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(keys[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
