"""The store: the activations of one model identity, asked for by row, layer and position."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import CacheError, damaged, refused, unreadable
from unsinter.cache.fill import Filler, FillReport, Produce
from unsinter.cache.folding import fold
from unsinter.cache.index import Index
from unsinter.cache.key import JSON, canonical, check_row_keys, identity_key
from unsinter.cache.location import cache_root, read_regular
from unsinter.cache.manifest import Folder
from unsinter.cache.places.remote import sizes_in
from unsinter.cache.plan import ROWS_PER_SHARD, Share, plan_missing, request_plan
from unsinter.cache.reading import RowIndexes, ShardReader, aligned, gone
from unsinter.cache.references import is_noted, write_reference
from unsinter.cache.shard import STORED, ShardPlan
from unsinter.cache.use import Use
from unsinter.cache.writing import check_alike, check_values, write_shard


class ActivationStore:
    """The activations of one model identity in one folder, `<root>/<key>/`.

    Opening and reading write nothing, so a complete folder may be read-only. Several processes and machines
    may fill one folder at once. Rows are named by the SHA-256 of what the model was fed; a row asked for
    twice is stored once. From its first call that fills or reads, no other process's `gc` touches the folder.

    Attributes
    ----------
    key : SHA-256 of the identity and of the cache's format version; the folder's name.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        identity: Mapping[str, JSON],
        about: Mapping[str, JSON] | None,
        study: Path | None = None,
        share: Share | None = None,
    ) -> None:
        self._folder, self._identity, self._about, self._study = folder, identity, about, study
        self._share = share
        self._use = Use(folder.identity)
        self._reader = ShardReader(folder.shards, folder.path.name)
        self._rows = RowIndexes()

    @classmethod
    def open(
        cls,
        root: Path,
        identity: Mapping[str, JSON],
        *,
        about: Mapping[str, JSON] | None = None,
        study: Path | None = None,
        share: Share | None = None,
    ) -> Self:
        """Return the store of an identity: everything, as digests, that can change a float of a given row.

        about is for people (the model's name as typed); it is shown by `ls` and is no part of the key. Every
        fill for a study first notes what the study needs, as `keep_for` does. With a share, a fill computes
        its shards and no others: when all shares are done, in any order and on any machines, the files are
        those of one fill without.

        Raises
        ------
        CacheError : the identity is not plain JSON, or the folder's identity.json says something else.
        """
        folder = Folder(cache_root(root) / identity_key(identity))
        try:
            is_other = folder.identity.exists() and read_regular(folder.identity) != canonical(identity)
        except OSError as error:
            raise unreadable(error, folder.identity) from error
        if is_other:
            raise CacheError(
                f"{folder.identity}: this file does not hold the identity that its folder is named after; "
                "move it away and run the study again, which writes it anew: no row is lost."
            )
        return cls(folder, identity=identity, about=about, study=study, share=share)

    @property
    def key(self) -> str:
        """The digest of the identity."""
        return self._folder.path.name

    @property
    def path(self) -> Path:
        """The folder of this identity."""
        return self._folder.path

    def missing(
        self,
        rows: Sequence[str],
        *,
        layers: Iterable[int],
        positions: Iterable[str],
        rows_per_shard: int = ROWS_PER_SHARD,
    ) -> list[ShardPlan]:
        """Return what is not stored yet, cut into shards in the order of rows.

        Raises
        ------
        CacheError : a request that cannot be, a damaged index, or a listed shard that is gone or has another
            length.
        """
        request = request_plan(rows, layers, positions)
        index = self._folder.load()
        self._check_files(index, request)
        return plan_missing(index, request, rows_per_shard=rows_per_shard)

    def write(self, plan: ShardPlan, values: Mapping[int, np.ndarray], *, dtype: str) -> None:
        """Store one shard: {layer: (rows, positions, d_model)}; bfloat16 as uint16 bits.

        Raises
        ------
        CacheError : the values do not fit the plan, hold NaN or infinity, or the operating system refused the
            write.
        """
        plan = ShardPlan(rows=tuple(plan.rows), layers=tuple(plan.layers), positions=tuple(plan.positions))
        check_row_keys(plan.rows)
        arrays = check_values(plan, values, dtype=dtype)
        with self._use.working():
            self._prepare()
            write_shard(self._folder, plan, arrays, dtype=dtype)

    def fill(
        self,
        rows: Sequence[str],
        *,
        layers: Iterable[int],
        positions: Iterable[str],
        produce: Produce,
        dtype: str,
        rows_per_shard: int = ROWS_PER_SHARD,
    ) -> FillReport:
        """Compute and store what is missing, shard by shard, and return once all that was asked is stored.

        produce is called as produce(rows, layers, positions), positions sorted, and returns {layer: (rows,
        positions, d_model)}. After a kill at any moment a second call loses at most the shard that was being
        computed, and ends with the same files.

        Raises
        ------
        CacheError : as `missing` and `write`; shards finished before stay.
        """
        request = request_plan(rows, layers, positions)
        with self._use.working():
            index = self._folder.load()
            self._check_files(index, request)
            check_alike(self._folder, index, dtype=dtype)
            filler = Filler(
                self._folder, request, rows_per_shard=rows_per_shard, dtype=dtype, share=self._share
            )
            if self._study is not None:
                self._note(self._study, request)
            if filler.missing():
                self._prepare()
            return filler.run(produce)

    def read(self, layer: int, position: str, rows: Sequence[str]) -> np.ndarray:
        """Return (n_rows, d_model) float32 in the asked order, equal to what was stored.

        Raises
        ------
        CacheError : a row is not stored, or a shard that holds one is gone, truncated, foreign or damaged.
        """
        with self._use.working():
            return self._read(layer, position, rows, dtype=np.dtype(np.float32))

    def read_bits(self, layer: int, position: str, rows: Sequence[str]) -> np.ndarray:
        """Return (n_rows, d_model) as stored: float32, float16, or the uint16 bits of bfloat16."""
        with self._use.working():
            return self._read(layer, position, rows, dtype=None)

    def keep_for(
        self, study: Path, rows: Sequence[str], *, layers: Iterable[int], positions: Iterable[str]
    ) -> None:
        """Note that a study's folder needs these activations: `gc` keeps them while the folder exists.

        Raises
        ------
        CacheError : a request that cannot be, or the operating system refused the write.
        """
        with self._use.working():
            self._note(study, request_plan(rows, layers, positions))

    def _note(self, study: Path, needs: ShardPlan) -> None:
        if not is_noted(self._folder, study, needs):
            self._prepare()
            with self._folder.locked():
                write_reference(self._folder, study, needs)

    def _read(self, layer: int, position: str, rows: Sequence[str], *, dtype: np.dtype | None) -> np.ndarray:
        index = self._folder.load()
        try:
            parts = self._rows.of(index, layer, position).parts(rows)
        except KeyError as error:
            raise CacheError(
                f"{self._folder.path}: row {error.args[0]} is not stored for layer {layer} at {position}; "
                "run `unsinter extract` for the study to fill it in."
            ) from None
        if not parts:
            raise CacheError(
                f"{self._folder.path}: no rows were asked of layer {layer} at {position}; name at least one."
            )
        first = index[parts[0].name]
        out = aligned((len(rows), first.d_model), dtype or STORED[first.dtype][1])
        self._reader.fill(out, parts, index=index, place=(layer, position))
        return out

    def _check_files(self, index: Index, request: ShardPlan) -> None:
        sizes = sizes_in(self._folder.shards, names := sorted(index.names_holding(request)))
        for name in names:
            path, entry = self._folder.shards / name, index[name]
            if name not in sizes:
                raise gone(path, entry)
            if (n_bytes := sizes[name]) != entry.n_bytes:
                what = f"it has {n_bytes} bytes where the index says {entry.n_bytes}"
                raise damaged(path, what, n_rows=entry.n_rows)

    def _prepare(self) -> None:
        # The index exists before the first shard does: shards without one are then a loss to report, not a
        # start.
        folder = self._folder
        needed = [folder.identity, folder.shards, folder.entries]
        needed += [] if self._about is None else [folder.about]
        if self._use.is_held() and folder.has_index() and all(path.exists() for path in needed):
            return  # nobody waits for a lock to find that all is there
        try:
            with folder.locked():
                make_folder(folder.shards)
                make_folder(folder.entries)
                for path in (folder.identity, folder.about, folder.index):
                    sweep(path)
                if not folder.identity.exists():
                    write_atomically(folder.identity, [canonical(self._identity)])
                if self._about is not None and not folder.about.exists():
                    write_atomically(folder.about, [canonical(self._about)])
                if not folder.has_index():
                    fold(folder)
                self._use.renew()
        except OSError as error:
            raise refused(error, folder.path) from error
