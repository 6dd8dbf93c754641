"""What a model needs before it is loaded, from the headers of its files alone."""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsinter.cache.json_text import parse_json, read_json
from unsinter.cache.location import open_regular
from unsinter.features.model.folder import LONGEST_CONFIG, ModelError

_BYTES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_BYTES |= {"F8_E4M3": 1, "F8_E5M2": 1}
_LONGEST_HEADER, _LONGEST_AXIS = 100_000_000, 1 << 48
"""Bytes of a header, as the library of the format takes them, and numbers along an axis of a tensor."""

_AS_ASKED = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """Bytes a model needs; the stream is an upper bound for one batch of extraction.

    Attributes
    ----------
    activation : bytes of one number of an activation; None where it has as many as a weight.
    """

    n_parameters: int
    weights: int
    batch: int
    activation: int | None = None

    @property
    def item(self) -> int:
        """Bytes of one number of an activation."""
        return self.activation or self.weights // self.n_parameters

    @property
    def total(self) -> int:
        """Weights and one batch together."""
        return self.weights + self.batch


def estimate_memory(folder: str | Path, *, dtype: str = "auto", token_budget: int = 16384) -> MemoryEstimate:
    """Return what the model in ``folder`` would need, reading only config.json and the safetensors headers.

    The batch part counts eight tensors the width of the widest layer per padded token, which covers a block's
    own intermediate values; attention scores are not counted.

    Raises
    ------
    ModelError : the headers cannot be read.
    """
    folder = Path(folder)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder}: no safetensors files to estimate from.")
    sizes = [size for file in files for size in _tensor_sizes(file)]
    item = _AS_ASKED.get(dtype) or max(stored for _, stored in sizes)
    return MemoryEstimate(
        n_parameters=sum(n for n, _ in sizes),
        weights=sum(n * (_AS_ASKED.get(dtype) or stored) for n, stored in sizes),
        batch=batch_bytes(_config(folder), item=item, token_budget=token_budget),
    )


def batch_bytes(config: Mapping[str, Any], *, item: int, token_budget: int = 16384) -> int:
    """Return bytes of one batch of extraction, ``item`` bytes a number: see ``estimate_memory``."""
    width = max(*(_width(config, name) for name in ("hidden_size", "intermediate_size")), 1)
    return 8 * width * item * token_budget


def _width(config: Mapping[str, Any], name: str) -> int:
    """Return a width; the largest where a model names one per block. ModelError for what is none."""
    value = config.get(name)
    widths = value if isinstance(value, list) else [0 if value is None else value]
    if not all(type(width) is int and 0 <= width < _LONGEST_AXIS for width in widths):
        raise ModelError(f"config.json: {name} is {str(value)[:40]!r}, which is no width.")
    return max(widths, default=0)


def _tensor_sizes(file: Path) -> list[tuple[int, int]]:
    """Return (numbers, bytes per number) of each tensor, from the file's header."""
    try:
        with open_regular(file) as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > min(file.stat().st_size, _LONGEST_HEADER):
                raise ValueError("the header is longer than the file, or than any reader takes")
            header = parse_json(stream.read(length))
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        return [(_n_numbers(entry["shape"]), _BYTES.get(entry["dtype"], 4)) for entry in entries]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
        raise ModelError(f"{file}: not a readable safetensors file ({error}).") from error


def _n_numbers(shape: Sequence[Any]) -> int:
    if not all(type(length) is int and 0 <= length < _LONGEST_AXIS for length in shape):
        raise ValueError("a tensor has no shape of whole numbers")
    return math.prod(shape)


def _config(folder: Path) -> Mapping[str, Any]:
    try:
        config = read_json(folder / "config.json", most_bytes=LONGEST_CONFIG)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: cannot be read ({error}).") from error
    text = config.get("text_config", config) if isinstance(config, dict) else {}
    return text if isinstance(text, dict) else {}
