"""Which kernel and which space of processes this is: containers on many hosts may all have one host name."""

import hashlib
import os
import socket
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")


def bare_host() -> str:
    """Return the host name as it may stand in the name of a file."""
    return socket.gethostname().replace(".", "_")


def marked_host() -> str:
    """Return the host name, behind it a mark that differs between kernels and between containers of one."""
    return f"{bare_host()}+{_mark(os.getpid())}"


@cache
def _mark(process: int) -> str:
    """Return the mark of this process, which a fork may have moved into another container."""
    try:
        spaces = f"{_BOOT.read_text().strip()} {_PROCESSES.stat().st_ino}"
    except OSError:  # no Linux, or hidden: the host name is all there is
        spaces = ""
    return hashlib.sha256(spaces.encode()).hexdigest()[:8]
