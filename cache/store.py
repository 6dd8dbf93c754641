"""The store: the activations of one model identity, asked for by row, layer and position."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import CacheError, damaged, refused
from unsinter.cache.fill import Filler, FillReport, Produce
from unsinter.cache.key import JSON, canonical, identity_key
from unsinter.cache.location import expand_home
from unsinter.cache.manifest import Folder, Manifest
from unsinter.cache.plan import plan_missing, request_plan, shards_of_rows
from unsinter.cache.reading import RowIndex, ShardReader, aligned, gone
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
    ) -> None:
        self._folder, self._identity, self._about, self._study = folder, identity, about, study
        self._use = Use(folder.identity)
        self._reader = ShardReader(folder.shards, folder.path.name)
        self._manifest: tuple[tuple[int, int, int] | None, Manifest] = (None, {})
        self._indexes: dict[tuple[str, ...], RowIndex] = {}

    @classmethod
    def open(
        cls,
        root: Path,
        identity: Mapping[str, JSON],
        *,
        about: Mapping[str, JSON] | None = None,
        study: Path | None = None,
    ) -> Self:
        """Return the store of an identity: everything, as digests, that can change a float of a given row.

        about is for people (the model's name as typed); it is shown by `ls` and is no part of the key. Every
        fill for a study first notes what the study needs, as `keep_for` does.

        Raises
        ------
        CacheError : the identity is not plain JSON, or the folder's identity.json says something else.
        """
        folder = Folder(expand_home(root) / identity_key(identity))
        if folder.identity.exists() and folder.identity.read_bytes() != canonical(identity):
            raise CacheError(
                f"{folder.identity}: this file does not hold the identity that its folder is named after; "
                "move it away and run the study again, which writes it anew: no row is lost."
            )
        return cls(folder, identity=identity, about=about, study=study)

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
        rows_per_shard: int = 512,
    ) -> list[ShardPlan]:
        """Return what is not stored yet, cut into shards in the order of rows.

        Raises
        ------
        CacheError : a request that cannot be, a damaged index, or a listed shard that is gone or has another
        length.
        """
        request = request_plan(rows, layers, positions)
        manifest = self._load()
        self._check_files(manifest, request)
        return plan_missing(manifest, request, rows_per_shard=rows_per_shard)

    def write(self, plan: ShardPlan, values: Mapping[int, np.ndarray], *, dtype: str) -> None:
        """Store one shard: {layer: (rows, positions, d_model)}; bfloat16 as uint16 bits.

        Raises
        ------
        CacheError : the values do not fit the plan, hold NaN or infinity, or the operating system refused the
        write.
        """
        plan = ShardPlan(rows=tuple(plan.rows), layers=tuple(plan.layers), positions=tuple(plan.positions))
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
        rows_per_shard: int = 512,
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
            manifest = self._load()
            self._check_files(manifest, request)
            check_alike(self._folder, manifest, dtype=dtype)
            filler = Filler(self._folder, request, rows_per_shard=rows_per_shard, dtype=dtype)
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
        manifest = self._load()
        names = tuple(
            name
            for name in sorted(manifest)
            if layer in manifest[name].plan.layers and position in manifest[name].plan.positions
        )
        if names not in self._indexes:
            self._indexes[names] = RowIndex(manifest, names)
        try:
            parts = self._indexes[names].parts(rows)
        except KeyError as error:
            raise CacheError(
                f"{self._folder.path}: row {error.args[0]} is not stored for layer {layer} at {position}; "
                "run `unsinter extract` for the study to fill it in."
            ) from None
        if not parts:
            raise CacheError(
                f"{self._folder.path}: no rows were asked of layer {layer} at {position}; name at least one."
            )
        first = manifest[parts[0].name]
        out = aligned((len(rows), first.d_model), dtype or STORED[first.dtype][1])
        self._reader.fill(out, parts, manifest=manifest, place=(layer, position))
        return out

    def _load(self) -> Manifest:
        try:
            status = self._folder.manifest.stat()
        except OSError:
            return self._folder.load()  # which says what is wrong, or that nothing is stored
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if self._manifest[0] != seen:
            self._manifest = (seen, self._folder.load())
            self._indexes.clear()
        return self._manifest[1]

    def _check_files(self, manifest: Manifest, request: ShardPlan) -> None:
        for name in sorted({name for names in shards_of_rows(manifest, request).values() for name in names}):
            path, entry = self._folder.shards / name, manifest[name]
            if not path.exists():
                raise gone(path, entry)
            if (n_bytes := path.stat().st_size) != entry.n_bytes:
                raise damaged(
                    path,
                    f"it has {n_bytes} bytes where the index says {entry.n_bytes}",
                    n_rows=len(entry.plan.rows),
                )

    def _prepare(self) -> None:
        # The manifest exists before the first shard does: shards without one are then a loss to report, not a
        # start.
        folder = self._folder
        try:
            with folder.locked():
                make_folder(folder.shards)
                for path in (folder.identity, folder.about, folder.manifest):
                    sweep(path)
                if not folder.identity.exists():
                    write_atomically(folder.identity, [canonical(self._identity)])
                if self._about is not None and not folder.about.exists():
                    write_atomically(folder.about, [canonical(self._about)])
                if not folder.manifest.exists():
                    folder.save(folder.load())
                self._use.renew()
        except OSError as error:
            raise refused(error, folder.path) from error
