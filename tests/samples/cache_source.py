"""Rows and values of the cache tests and their child processes: values follow from row, layer, position."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from unsinter.cache import ActivationStore

IDENTITY = {
    "weights": "6f3a",
    "config": "1b",
    "tokenizer": "2c",
    "chat_template": "3d",
    "dtype": "bfloat16",
    "hook_site": "block output",
}
LAYERS = (0, 1, 5)
POSITIONS = ("instruction_end", "template_end")
WIDTH = 24
BITS = {"float32": np.uint32, "float16": np.uint16, "bfloat16": np.uint16}


def row_keys(n: int, *, salt: str = "") -> list[str]:
    """n distinct row keys, as the SHA-256 of token ids would be."""
    return [hashlib.sha256(f"{salt}{number}".encode()).hexdigest() for number in range(n)]


def source(
    rows: Sequence[str], layer: int, position: str, *, dtype: str = "bfloat16", width: int = WIDTH
) -> np.ndarray:
    """(n_rows, width) finite values of a type, from digests: the truth that reads are compared with."""
    size = np.dtype(BITS[dtype]).itemsize * width
    raw = b"".join(hashlib.shake_128(f"{row} {layer} {position}".encode()).digest(size) for row in rows)
    bits = np.frombuffer(raw, BITS[dtype]).reshape(len(rows), width).copy()
    bits &= {"float32": 0xBFFFFFFF, "float16": 0xBFFF, "bfloat16": 0xBFFF}[dtype]  # never NaN or infinite
    return bits if dtype == "bfloat16" else bits.view(dtype)


class Producer:
    """Stands for the model: returns the source values and remembers what it was asked."""

    def __init__(self, *, dtype: str = "bfloat16", width: int = WIDTH) -> None:
        self.dtype, self.width = dtype, width
        self.calls: list[tuple[tuple[str, ...], tuple[int, ...], tuple[str, ...]]] = []

    def __call__(self, rows, layers, positions) -> Mapping[int, np.ndarray]:
        self.calls.append((rows, layers, positions))
        return {
            layer: np.stack(
                [source(rows, layer, p, dtype=self.dtype, width=self.width) for p in positions], axis=1
            )
            for layer in layers
        }


def fill(store: ActivationStore, rows, *, layers=LAYERS, positions=POSITIONS, rows_per_shard=8, **options):
    """Fill a store from the source and return the report."""
    options.setdefault("produce", Producer())
    return store.fill(
        rows, layers=layers, positions=positions, dtype="bfloat16", rows_per_shard=rows_per_shard, **options
    )


def assert_holds(store: ActivationStore, rows, *, layers=LAYERS, positions=POSITIONS) -> None:
    """Every asked value is the source's, bit for bit."""
    for layer in layers:
        for position in positions:
            np.testing.assert_array_equal(
                store.read_bits(layer, position, rows), source(rows, layer, position)
            )


def shard_files(root: Path) -> list[Path]:
    """Every shard under root that a reader could be given, sorted."""
    return sorted(file for file in root.rglob("*.safetensors") if "quarantine" not in file.parts)


def every_file(root: Path) -> dict[str, bytes]:
    """Relative name -> bytes of everything under root."""
    return {
        str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()
    }
