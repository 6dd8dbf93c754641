"""What a device does per second, measured in a fraction of one, and the pace of a core, in three."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from unsinter.features.records.text_floor import PENALTY, floor_scores
from unsinter.studies.planted.corpus import demo_prompts

_N_TEXTS = 400
_N_FITS = 60  # three seconds: a core is faster for a moment than for long
_FITS_OF_WORDS = 0.049
"""Seconds of both fits of `measure_pace` on one core of the AMD EPYC of `step_seconds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a device does per second, as measured just now or as the caller assumes."""

    name: str
    flops: float
    """Multiplications and additions of large matrix products in the model's dtype, per second."""

    bytes_per_second: float
    """Memory read and written."""

    pace: float = 1.0
    """Seconds of work other than large products, in those of the machine that `step_seconds` states."""


def measure_device(dtype: torch.dtype, *, device: str | None = None, size: int | None = None) -> Device:
    """Time matrix products and copies for a fraction of a second."""
    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    size = size or (1024 if name == "cpu" else 8192)
    a = torch.randn(size, size, device=name, dtype=dtype)
    # As linear layers compute it, whose weights lie transposed: else a CPU took 20 times as long in float16.
    seconds = _best_of(lambda: torch.nn.functional.linear(a, a), name)
    copied = _best_of(lambda: a.clone(), name)
    return Device(name=name, flops=2 * size**3 / seconds, bytes_per_second=2 * a.nbytes / copied)


@cache
def measure_pace() -> float:
    """Return how many times as long as on the machine of `step_seconds` one core takes for fits of words.

    Measured once by a process.
    """
    texts, codes = _sample()
    rows = np.arange(len(texts))
    train, test = rows[: 3 * len(rows) // 4], rows[3 * len(rows) // 4 :]

    def fit() -> None:
        for kind in ("words", "characters"):
            floor_scores(texts, codes, train=train, test=test, kind=kind, penalty=PENALTY)

    fit()  # cuts the texts into words
    started = time.perf_counter()
    for _ in range(_N_FITS):
        fit()
    # The mean and not the best: a long run meets whatever else the machine does.
    return (time.perf_counter() - started) / _N_FITS / _FITS_OF_WORDS


def _sample() -> tuple[list[str], list[int]]:
    """Return planted prompts and whether each is harmful: the same ones on every machine."""
    records = demo_prompts(0)[:_N_TEXTS]
    return [record["prompt"] for record in records], [int(record["harmful"]) for record in records]


def _best_of(work: Callable[[], object], device: str, *, times: int = 4) -> float:
    taken = []
    for _ in range(times):
        _finish(device)
        started = time.perf_counter()
        work()
        _finish(device)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _finish(device: str) -> None:
    """Wait for what was begun on a device, which a GPU does beside us."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()
