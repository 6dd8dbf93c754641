"""Memory that is free for this process: of the machine, and of the container that it runs in."""

from pathlib import Path

import psutil

_GROUPS = Path("/sys/fs/cgroup")
_LIMIT_AND_USE = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Files of the second and of the first version of control groups."""


def free_memory(groups: Path = _GROUPS) -> int:
    """Return bytes that can be taken without swapping or being ended for it.

    ``groups`` is where the system shows the limits of the container.
    """
    free = int(psutil.virtual_memory().available)
    for limit, use in _LIMIT_AND_USE:
        try:
            room = int((groups / limit).read_text()) - int((groups / use).read_text())
        except (OSError, ValueError):  # no such version of control groups, or "max": no limit
            continue
        free = min(free, max(room, 0))
    return free
