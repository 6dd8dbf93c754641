"""Optuna's journal in a file: taken up at its last whole record, and never left with half of one."""

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from unsinter.cache.appending import append_whole, cut_to, ends_whole
from unsinter.cache.errors import UnsinterError, naming

_BEGINNING = b'{"op_code":'

logger = logging.getLogger(__name__)


class JournalError(UnsinterError, ValueError):
    """A journal of trials is damaged or cannot be written."""


class _SystemLock(JournalFileOpenLock):
    """A lock that the operating system lets go of when its process is killed."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._system = FileLock(f"{path}.guard")

    def acquire(self) -> bool:
        """Wait for the lock and hold it."""
        self._system.acquire()
        return True

    def release(self) -> None:
        """Let go of the lock."""
        self._system.release()


class WholeRecords(JournalFileBackend):
    """A journal file that a kill or a full disk may cut off anywhere: what is left of a record is cut away.

    Raises
    ------
    JournalError : the file is no journal, a record before the last is damaged, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.is_file():
            raise JournalError(f"{path} is no file but a folder, a pipe or a device; move it away.")
        lock = _SystemLock(path)
        with naming(path, JournalError):
            super().__init__(str(path), lock_obj=lock)
        with self._locked():
            self._take_up()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add records to the end: all of them, or none where the system refuses."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with self._locked(), naming(self.path, JournalError):
            if not ends_whole(self.path):  # another process was killed since
                self._take_up()
            append_whole(self.path, lines.encode())

    @contextmanager
    def _locked(self) -> Generator[None]:
        with naming(Path(f"{self.path}.guard"), JournalError):
            self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _take_up(self) -> None:
        with naming(self.path, JournalError):
            raw = self.path.read_bytes()
            n_whole = _whole_bytes(raw, self.path)
            if n_whole == len(raw):
                return
            cut_to(self.path, n_whole)
        logger.warning(
            "%s was cut off in the middle of a record, by a kill or a full disk; its last %d bytes were "
            "removed, and tuning goes on from the last whole record",
            self.path, len(raw) - n_whole,
        )  # fmt: skip


def _whole_bytes(raw: bytes, path: Path) -> int:
    """Return the bytes of the whole records at the beginning; JournalError unless only the last is broken."""
    n_whole = 0
    for number, line in enumerate(raw.splitlines(keepends=True), start=1):
        if line.endswith(b"\n") and _is_record(line):
            n_whole += len(line)
        elif number == 1 and not line.startswith(_BEGINNING[: len(line)]):
            raise JournalError(
                f"{path} cannot be opened as a journal of trials (its first line is no record of one); name "
                "another with --storage."
            )
        elif n_whole + len(line) < len(raw):
            raise JournalError(
                f"{path} cannot be opened as a journal of trials (line {number} is damaged, and others "
                "follow); move it away and run again: its trials are worked out anew."
            )
    return n_whole


def _is_record(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and "op_code" in record
