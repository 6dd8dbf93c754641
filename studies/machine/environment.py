"""What ran: machine, versions, devices; recorded with every result."""

import os
import platform
from importlib import metadata
from typing import Any

import psutil

PACKAGES = (
    "unsinter",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "scipy",
    "scikit-learn",
    "optuna",
    "pandas",
)


def package_versions() -> dict[str, str]:
    """Return the installed version of each package that can change a number."""
    return {name: metadata.version(name) for name in PACKAGES}


def describe_machine() -> dict[str, Any]:
    """Return operating system, processor, cores and memory (bytes)."""
    return {
        "system": platform.system(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
