"""Reading one layer of the cache, side by side with one memory map of that layer.

    python benchmarks/cache.py [--small] [--repeats N] [--folder DIR] [--out FILE]

Every repeat reads a different layer by every way in turn, cold (its pages dropped from memory) and then warm. The bar:
the cache's own bits at >= 0.8 of the bytes per second of one NumPy memory map of the same values.
"""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from unsinter.cache import ActivationStore

POSITIONS = ("instruction_end", "template_end")
SHAPES = {"full": (4096, 26, 2304), "small": (1024, 6, 512)}
BAR = 0.8


class World:
    """One set of activations, in a store and as one memory map (layer, position, row, dimension)."""

    def __init__(self, folder: Path, *, shape: tuple[int, int, int], seed: int) -> None:
        self.n_rows, self.n_layers, self.d_model = shape
        self.rows = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(self.n_rows)]
        self.shuffled = [self.rows[place] for place in np.random.default_rng(seed).permutation(self.n_rows)]
        self.map_path = folder / "all.bin"
        self.store = ActivationStore.open(folder / "cache", {"weights": "benchmark", "dtype": "bfloat16"})
        self._place = {row: place for place, row in enumerate(self.rows)}
        self._seed = seed
        self.write_seconds = self._write_map()
        begin = time.perf_counter()
        report = self.store.fill(
            self.rows,
            layers=range(self.n_layers),
            positions=POSITIONS,
            produce=self._produce,
            dtype="bfloat16",
        )
        self.fill_seconds, self.n_bytes = time.perf_counter() - begin, report.bytes_written

    @property
    def layer_shape(self) -> tuple[int, int, int]:
        """(positions, rows, d_model)."""
        return (len(POSITIONS), self.n_rows, self.d_model)

    def map(self) -> np.ndarray:
        """Every activation, mapped anew."""
        return np.memmap(self.map_path, dtype=np.uint16, mode="r", shape=(self.n_layers, *self.layer_shape))

    def files(self) -> list[Path]:
        """Every file that a layer is read from."""
        return [self.map_path, *sorted((self.store.path / "shards").glob("*.safetensors"))]

    def drop_pages(self) -> None:
        """Take every page of every file out of the operating system's memory."""
        for path in self.files():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)

    def _write_map(self) -> float:
        rng, seconds = np.random.default_rng(self._seed), 0.0
        with self.map_path.open("wb") as file:
            for _ in range(self.n_layers):
                values = (
                    rng.standard_normal(self.layer_shape, dtype=np.float32).view(np.uint32) >> 16
                ).astype(np.uint16)
                begin = time.perf_counter()
                file.write(values.data)
                seconds += time.perf_counter() - begin
            begin = time.perf_counter()
            file.flush()
            os.fsync(file.fileno())
            return seconds + time.perf_counter() - begin

    def _produce(self, rows: tuple, layers: tuple, positions: tuple) -> dict[int, np.ndarray]:
        first = self._place[rows[0]]
        whole = self.map()
        return {layer: whole[layer, :, first : first + len(rows)].transpose(1, 0, 2) for layer in layers}


def readers(world: World) -> dict[str, Callable[[int], np.ndarray]]:
    """Return the ways to read one layer at both positions: name -> layer -> (positions, rows, d_model)."""

    def in_order(layer: int) -> np.ndarray:
        return np.stack([world.store.read_bits(layer, position, world.rows) for position in POSITIONS])

    def safe_open_layer(layer: int) -> int:
        return 0

    return {"cache": in_order}
