"""Which kernel and which space of processes this is: containers on many hosts may all have one host name."""

import hashlib
import os
import socket
from functools import cache
from pathlib import Path

import psutil

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")
_START_FIELD = 19
"""Of `/proc/PID/stat`, counted behind the name of the program."""


def bare_host() -> str:
    """Return the host name as it may stand in the name of a file."""
    return socket.gethostname().replace(".", "_")


def marked_host() -> str:
    """Return the host name, behind it a mark that differs between kernels and between containers of one."""
    return f"{bare_host()}+{_mark(os.getpid())}"


def named_process(process: int) -> str | None:
    """Return a process of this machine as no other is called that another one sees; None where there is none.

    Its start is counted from that of the kernel: a clock that is set leaves it as it is.
    """
    ticks = start_ticks(process)
    if ticks is not None:
        return f"{marked_host()} {process} {ticks}"
    try:
        return f"{marked_host()} {process} {psutil.Process(process).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def start_ticks(process: int) -> int | None:
    """Return the clock ticks from the kernel's start to a process's; None where it cannot be seen."""
    try:
        data = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return None
    return int(data[data.rfind(b")") + 1 :].split()[_START_FIELD])


@cache
def _mark(process: int) -> str:
    """Return the mark of this process, which a fork may have moved into another container."""
    try:
        spaces = f"{_BOOT.read_text().strip()} {_PROCESSES.stat().st_ino}"
    except OSError:  # no Linux, or hidden: the host name is all there is
        spaces = ""
    return hashlib.sha256(spaces.encode()).hexdigest()[:8]
