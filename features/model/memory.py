"""What a model needs before it is loaded, from the headers of its files alone."""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsinter.features.model.folder import ModelError

_BYTES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_BYTES |= {"F8_E4M3": 1, "F8_E5M2": 1}
_AS_ASKED = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """Bytes a model needs; the stream is an upper bound for one batch of extraction."""

    n_parameters: int
    weights: int
    batch: int

    @property
    def total(self) -> int:
        """Weights and one batch together."""
        return self.weights + self.batch


def estimate_memory(folder: str | Path, *, dtype: str = "auto", token_budget: int = 16384) -> MemoryEstimate:
    """Return what the model in ``folder`` would need, reading only config.json and the safetensors headers.

    The batch part counts eight tensors the width of the widest layer per padded token, which covers a block's
    own intermediate values; attention scores are not counted. Raises ModelError where the headers cannot
    be read.
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
    width = max(int(config.get("hidden_size") or 0), int(config.get("intermediate_size") or 0), 1)
    return 8 * width * item * token_budget


def _tensor_sizes(file: Path) -> list[tuple[int, int]]:
    """Return (numbers, bytes per number) of each tensor, from the file's header."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > file.stat().st_size:
                raise ValueError("the header is longer than the file")
            header: Mapping[str, Any] = json.loads(stream.read(length))
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        return [(math.prod(entry["shape"]), _BYTES.get(entry["dtype"], 4)) for entry in entries]
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise ModelError(f"{file}: not a readable safetensors file ({error}).") from error


def _config(folder: Path) -> Mapping[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: cannot be read ({error}).") from error
    return config.get("text_config", config) if isinstance(config, dict) else {}
