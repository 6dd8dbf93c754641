"""Which locks hold where a cache lies: the kernel's on this machine, soft ones on network storage."""

import os
from functools import lru_cache
from pathlib import Path

from unsinter.cache.places.network_mounts import network_mount
from unsinter.cache.places.soft_locks import is_held_by_others, remove_files

SETTING = "UNSINTER_LOCKS"
_KINDS = ("auto", "kernel", "soft")


def has_soft_locks(folder: Path) -> bool:
    """Say whether locks in a folder are soft: on storage of another host, or where UNSINTER_LOCKS says so.

    Raises
    ------
    OSError : the environment's UNSINTER_LOCKS is no kind of lock.
    """
    kind = os.environ.get(SETTING, "auto")
    if kind not in _KINDS:
        raise OSError(0, f"{SETTING} is {kind[:40]!r}; set it to one of {', '.join(_KINDS)}", str(folder))
    return kind == "soft" or (kind == "auto" and _is_on_network(folder))


def held_by_others(locks: Path) -> bool:
    """Say whether another process holds, or waits for, a soft lock of a shard."""
    return any(is_held_by_others(path) for path in locks.glob("*.safetensors.soft"))


def remove_lock(lock: Path) -> None:
    """Remove a lock file, of either kind."""
    lock.unlink(missing_ok=True)
    remove_files(lock)


def lock_files(locks: Path) -> list[Path]:
    """Return the lock files in a folder; of a soft one the name that the kernel's would have."""
    paths = [*locks.glob("*.lock"), *(path.with_suffix(".lock") for path in locks.glob("*.soft"))]
    return sorted(set(paths))


@lru_cache(maxsize=64)
def _is_on_network(folder: Path) -> bool:
    return network_mount(folder) is not None
