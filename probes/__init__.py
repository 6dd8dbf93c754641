"""Probes: arrays in, numbers out. Usable without the rest of the package.

Names are imported when they are first asked for, so that reading and scoring an exported probe needs numpy
and safetensors only.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "GridSolver": "unsinter.probes.solver",
    "LogisticProbe": "unsinter.probes.linear",
    "MLPProbe": "unsinter.probes.mlp",
    "MassMeanProbe": "unsinter.probes.mass_mean",
    "RidgeProbe": "unsinter.probes.ridge",
    "Task": "unsinter.probes.tasks",
}

__all__ = ["GridSolver", "LogisticProbe", "MLPProbe", "MassMeanProbe", "RidgeProbe", "Task"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
