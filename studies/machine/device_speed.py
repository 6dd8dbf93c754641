"""What a device does per second, measured in a fraction of one."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a device does per second, as measured just now or as the caller assumes."""

    name: str
    flops: float
    """Multiplications and additions of large matrix products in the model's dtype, per second."""

    bytes_per_second: float
    """Memory read and written."""


def measure_device(dtype: torch.dtype, *, device: str | None = None, size: int | None = None) -> Device:
    """Time matrix products and copies for a fraction of a second."""
    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    size = size or (8192 if name == "cuda" else 1024)
    a = torch.randn(size, size, device=name, dtype=dtype)
    seconds = _best_of(lambda: a @ a, name)
    copied = _best_of(lambda: a.clone(), name)
    return Device(name=name, flops=2 * size**3 / seconds, bytes_per_second=2 * a.nbytes / copied)


def _best_of(work: Callable[[], object], device: str, *, times: int = 4) -> float:
    taken = []
    for _ in range(times):
        if device == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return min(taken)
