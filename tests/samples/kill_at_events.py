"""Real kills at file events: a forked process ends itself with SIGKILL just before its n-th change of a file.

A change is what Python tells its audit hooks of: a file opened for writing, made, renamed, removed, cut or
linked under one of the given folders. What a process had written by then stays, as after any kill.
"""

import os
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from unsinter.cache.atomic import temporary_name

_CHANGES = {
    "os.rename": 2,
    "os.remove": 1,
    "os.mkdir": 1,
    "os.rmdir": 1,
    "os.truncate": 1,
    "os.link": 2,
    "os.symlink": 2,
}
"""Audit event -> how many of its first arguments are paths."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def killed_at(action: Callable[[], object], folders: Sequence[Path], number: int) -> bool:
    """Run action in a forked process that is killed at its number-th change; False if it ended before.

    An error that action raises is raised here.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads, none of which matter
        child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            _kill_at(number, [str(folder.resolve()) + os.sep for folder in folders])
            action()
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-8000:])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        report = file.read().decode()
    _, status = os.waitpid(child, 0)
    if report:
        raise AssertionError(report)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _kill_at(number: int, roots: Sequence[str]) -> None:
    seen = 0

    def on_event(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event == "open":
            path, mode, flags = arguments
            changes = bool(flags & _WRITING) if isinstance(flags, int) else any(c in mode for c in "wxa+")
            paths = [path] if changes else []
        else:
            paths = list(arguments[: _CHANGES.get(event, 0)])
        if any(_is_under(path, roots) for path in paths):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(on_event)


def _is_under(path: object, roots: Sequence[str]) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    name = os.path.abspath(os.fsdecode(path)) + os.sep  # noqa: PTH100 - a renamed link is the link
    return any(name.startswith(root) or name == root for root in roots)


def leave_unfinished(path: Path) -> Path:
    """Leave beside path what a writer of it leaves that was killed, and return it."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    name = temporary_name(path)
    left = name.with_name(name.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-"))
    left.write_bytes(b"half")
    return left
