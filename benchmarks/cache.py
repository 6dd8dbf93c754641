"""Reading one layer of the cache, side by side with one memory map of that layer.

    python benchmarks/cache.py [--small] [--repeats N] [--folder DIR] [--out FILE]

Every repeat reads a layer by every way in turn, cold (its pages dropped from memory; the cache checks what it
reads), then warm (read once before, and so checked), in wall and in processor time. The bar: the cache's own
bits at >= 0.8 of the bytes per second of one NumPy memory map of the same values.
"""

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import describe
from safetensors import safe_open

from unsinter.cache import ActivationStore

POSITIONS = ("instruction_end", "template_end")
SHAPES = {"full": (4096, 26, 2304), "small": (1024, 6, 512)}
BAR = 0.8


class World:
    """One set of activations, in a store and as one memory map (layer, position, row, dimension)."""

    def __init__(self, folder: Path, *, shape: tuple[int, int, int], seed: int) -> None:
        self.n_rows, self.n_layers, self.d_model = shape
        self.rows = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(self.n_rows)]
        self.order = np.random.default_rng(seed).permutation(self.n_rows)
        self.shuffled = [self.rows[place] for place in self.order]
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
                wide = rng.standard_normal(self.layer_shape, dtype=np.float32)
                values = (wide.view(np.uint32) >> 16).astype(np.uint16)
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


def readers(world: World) -> dict[str, Callable[[int], object]]:
    """Return the ways to read one layer at both positions into memory."""

    def stored(rows: list[str], read: Callable) -> Callable[[int], object]:
        return lambda layer: [read(layer, position, rows) for position in POSITIONS]

    def safetensors_open(layer: int) -> object:
        outcome = []
        for path in world.files()[1:]:
            with safe_open(path, "pt") as file:
                outcome.append(file.get_tensor(f"layer.{layer:02d}").clone())
        return outcome

    return {
        "memmap": lambda layer: np.array(world.map()[layer]),
        "memmap, 1 array a position": lambda layer: [np.array(part) for part in world.map()[layer]],
        "cache, bits": stored(world.rows, world.store.read_bits),
        "memmap, shuffled rows": lambda layer: world.map()[layer][:, world.order],
        "cache, bits, shuffled rows": stored(world.shuffled, world.store.read_bits),
        "memmap, float32": lambda layer: (world.map()[layer].astype(np.uint32) << 16).view(np.float32),
        "cache, float32": stored(world.rows, world.store.read),
        "safetensors safe_open": safetensors_open,
    }


AGAINST = {
    "cache, bits": "memmap",
    "cache, bits, shuffled rows": "memmap, shuffled rows",
    "cache, float32": "memmap, float32",
    "safetensors safe_open": "memmap",
}
"""Each way and the memory map that it stands beside."""


def measure(world: World, *, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Return way -> cold and warm -> seconds per repeat, the ways interleaved and in changing order."""
    ways = readers(world)
    states = ("cold", "warm", "warm, cpu")
    seconds: dict[str, dict[str, list[float]]] = {name: {state: [] for state in states} for name in ways}
    for read in ways.values():  # imports, headers and the row index are paid once, here
        read(0)
    for repeat in range(repeats):
        layer, turn = repeat % world.n_layers, repeat % len(ways)
        for state in ("cold", "warm"):
            for name in [*list(ways)[turn:], *list(ways)[:turn]]:
                if state == "cold":
                    world.drop_pages()
                else:
                    ways[name](layer)
                begin, busy = time.perf_counter(), time.process_time()
                values = ways[name](layer)
                seconds[name][state].append(time.perf_counter() - begin)
                if state == "warm":
                    seconds[name]["warm, cpu"].append(time.process_time() - busy)
                del values
    return seconds


def first_read_of_a_process(world: World) -> float:
    """Return the seconds of one layer read by a new store: index and headers included, pages warm."""
    for position in POSITIONS:
        world.store.read_bits(1, position, world.rows)
    identity = json.loads((world.store.path / "identity.json").read_bytes())
    begin = time.perf_counter()
    fresh = ActivationStore.open(world.store.path.parent, identity)
    for position in POSITIONS:
        fresh.read_bits(1, position, world.rows)
    return time.perf_counter() - begin


def summarise(world: World, seconds: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, dict]]:
    """Return medians, best times and ratios of bytes per second to the memory map's."""
    layer_bytes = int(np.prod(world.layer_shape)) * 2
    table: dict[str, dict[str, dict]] = {}
    for name, states in seconds.items():
        table[name] = {}
        for state, values in states.items():
            median, best = statistics.median(values), min(values)
            row = {
                "median_ms": 1e3 * median,
                "best_ms": 1e3 * best,
                "stored_bytes_per_s": layer_bytes / median,
            }
            if name in AGAINST:
                other = seconds[AGAINST[name]][state]
                row |= {"ratio": statistics.median(other) / median, "ratio_of_best": min(other) / best}
            table[name][state] = row
    return table


def show(table: dict[str, dict[str, dict]]) -> None:
    """Print one line per way and state."""
    print(f"{'way':28} {'state':9} {'median ms':>9} {'best ms':>8} {'GB/s':>6} {'ratio':>6} {'(best)':>6}")
    for name, states in table.items():
        for state, row in states.items():
            ratios = [f"{row[key]:6.2f}" for key in ("ratio", "ratio_of_best") if key in row]
            rate = row["stored_bytes_per_s"] / 1e9
            print(f"{name:28} {state:9} {row['median_ms']:9.2f} {row['best_ms']:8.2f} {rate:6.2f}", *ratios)


def check(world: World) -> None:
    """Compare the cache with the source for one layer: a fast wrong read is no read."""
    for position, truth in zip(POSITIONS, np.array(world.map()[0]), strict=True):
        in_order = world.store.read_bits(0, position, world.rows)
        shuffled = world.store.read_bits(0, position, world.shuffled)
        if not (np.array_equal(in_order, truth) and np.array_equal(shuffled, truth[world.order])):
            raise SystemExit("the cache does not return what was stored")


def options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the files go; default: a temporary folder")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "cache.json")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write the figures."""
    chosen = options()
    shape = SHAPES["small" if chosen.small else "full"]
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        world = World(Path(folder), shape=shape, seed=chosen.seed)
        check(world)
        table = summarise(world, measure(world, repeats=chosen.repeats))
        first = first_read_of_a_process(world)
    show(table)
    print(f"first layer read by a process, warm: {first * 1e3:.1f} ms")
    print(f"written, with fsync: cache {world.fill_seconds:.2f} s, one raw file {world.write_seconds:.2f} s")
    ratios = {state: table["cache, bits"][state]["ratio"] for state in ("cold", "warm", "warm, cpu")}
    print(f"bar {BAR}: " + ", ".join(f"{state} {ratio:.2f}" for state, ratio in ratios.items()))
    result = {
        "bar": {"what": "bytes per second, cache bits / memmap", "at_least": BAR, **ratios},
        "shape": {"rows": shape[0], "layers": shape[1], "d_model": shape[2], "positions": len(POSITIONS)},
        "dtype": "bfloat16",
        "rows_per_shard": 512,
        "repeats": chosen.repeats,
        "seed": chosen.seed,
        "reading": table,
        "first_layer_of_a_process_ms": first * 1e3,
        "writing_s": {"cache": world.fill_seconds, "one raw file": world.write_seconds},
        "cache_bytes": world.n_bytes,
        "machine": describe(),
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
