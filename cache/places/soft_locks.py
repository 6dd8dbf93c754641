"""Locks that hold on storage of another host: files that are made once, with who holds them written down.

The lock is filelock's strict soft lock. Beside it stands a note with host, process and time of its holder,
which touches it now and then. A holder that ended on this very kernel is known to be gone, and its lock is
broken. One elsewhere cannot be asked: where its note stays as it is for minutes, by the clock of who waits,
it is called silent, and a person decides. No clocks of two hosts are compared.
"""

import errno
import json
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from filelock import SoftFileLockProtocolError, StrictSoftFileClaim, StrictSoftFileLock, Timeout

from unsinter.cache.places.namespaces import start_ticks
from unsinter.cache.places.unfinished import make_folder

logger = logging.getLogger(__name__)

SILENT = errno.EOWNERDEAD
"""Number of the error for a lock whose holder gives no sign."""

SILENT_SECONDS = 180.0
"""Time without a sign after which a holder is called silent; network clients show changes up to 60 s late."""
BEAT_SECONDS = 20.0
_LOOK_SECONDS = 1.0
_POLL_SECONDS = 0.05
_DAMAGED_SECONDS = 2.0
"""Time after which a lock that cannot be read is damaged, and not only on its way to be removed."""
_SUFFIX = ".soft"
_BOOT_BITS = 64
"""A start of filelock's is the boot's id, and in its last 64 bits the clock ticks since then."""


def soft_path(lock: Path) -> Path:
    """Return where the soft lock lies that stands for a lock file: another name, as an empty file is none."""
    return lock.with_suffix(_SUFFIX)


def files_of(lock: Path) -> tuple[Path, ...]:
    """Return what a soft lock is made of."""
    path = soft_path(lock)
    return path, _note_of(path), path.with_name(f"{path.name}.filelock")


def remove_files(lock: Path) -> None:
    """Remove all that a soft lock is made of, held or not."""
    sentinel, note, claims = files_of(lock)
    note.unlink(missing_ok=True)
    sentinel.unlink(missing_ok=True)
    shutil.rmtree(claims, ignore_errors=True)


@contextmanager
def soft_lock(lock: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the soft lock of a lock file for the block; yield False if it is taken and wait is false.

    Raises
    ------
    OSError : the files of the lock cannot be made, or the file system has no hard links; number ``SILENT``
    where it is held by one elsewhere that gives no sign.
    """
    path = soft_path(lock)
    strict = StrictSoftFileLock(path, thread_local=False)
    if not _acquired(strict, path, wait=wait):
        yield False
        return
    note = _note_of(path)
    _write_note(note)
    ended = threading.Event()
    beat = threading.Thread(target=_beat, args=(note, ended), daemon=True)
    beat.start()
    try:
        yield True
    finally:
        ended.set()
        beat.join()
        note.unlink(missing_ok=True)
        strict.release()


def is_held_by_others(lock: Path) -> bool:
    """Say whether another process, not known to have ended, holds a soft lock or waits for it."""
    if not soft_path(lock).exists():
        return False
    own = os.getpid()
    try:
        claims = StrictSoftFileLock(soft_path(lock)).claims
    except SoftFileLockProtocolError:  # damaged: it cannot be told
        return True
    return any(
        not has_ended(claim) and (claim.pid != own or claim.hostname != _own_claim().hostname)
        for claim in claims
    )


def has_ended(claim: StrictSoftFileClaim) -> bool:
    """Say whether it is certain that the process of a claim has ended.

    Host names do not tell: those of two containers may be equal. A claim of this kernel since its last start
    and of this process's own space of processes can be looked up; of any other nothing is known.
    """
    own = _own_claim()
    if claim.hostname != own.hostname or claim.start is None or own.start is None:
        return False
    boot = own.start >> _BOOT_BITS
    if boot == 0 or claim.start >> _BOOT_BITS != boot:
        return False
    ticks = start_ticks(claim.pid)
    return not _exists(claim.pid) if ticks is None else ticks != claim.start % 2**_BOOT_BITS


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _acquired(strict: StrictSoftFileLock, path: Path, *, wait: bool) -> bool:
    sign, since, damaged_since = None, time.monotonic(), None
    while True:
        try:
            make_folder(path.parent)
            strict.acquire(timeout=_LOOK_SECONDS if wait else 0, poll_interval=_POLL_SECONDS)
            return True
        except Timeout:
            claims, damaged_since = _readable(strict), None
        except (FileNotFoundError, FileExistsError, SoftFileLockProtocolError) as error:
            # Another process removed the lock of a finished shard, or `gc` an empty folder, in between.
            damaged_since = damaged_since or time.monotonic()
            if time.monotonic() - damaged_since > _DAMAGED_SECONDS:
                return _damaged(path, error, wait=wait)
            time.sleep(_POLL_SECONDS)
            continue
        if _break_ended(strict, claims):
            continue
        if not wait:
            return False
        now = _sign_of(path, claims)
        if now != sign:
            sign, since = now, time.monotonic()
        elif claims and time.monotonic() - since > SILENT_SECONDS:
            raise OSError(SILENT, _words(path, claims[0]), str(path))


def _readable(strict: StrictSoftFileLock) -> tuple[StrictSoftFileClaim, ...]:
    """Return the claims; none where one is damaged, which the next attempt says."""
    try:
        return strict.claims
    except SoftFileLockProtocolError:
        return ()


def _damaged(path: Path, error: OSError, *, wait: bool) -> bool:
    """Return false for a lock that cannot be read: nobody can tell whether it is held.

    Raises
    ------
    OSError : it is waited for, or its folder cannot be made.
    """
    cause = " ".join(str(error).split())
    if not isinstance(error, SoftFileLockProtocolError):
        raise OSError(errno.EPROTO, cause, str(path)) from error
    if not wait:
        return False
    sentinel, note, claims = files_of(path)
    words = (
        f"damaged ({cause.rpartition(': ')[2]}), as by a power cut, and whether a process holds it cannot "
        f"be told; see that no run on any host is at work in this cache, remove {claims}, {sentinel.name} "
        f"and {note.name} beside it, and run again: nothing that is stored rests on them"
    )
    raise OSError(SILENT, words, str(path)) from error


def _break_ended(strict: StrictSoftFileLock, claims: tuple[StrictSoftFileClaim, ...]) -> bool:
    """Remove the claims of processes that are known to have ended; say whether there were any."""
    ended = [claim for claim in claims if has_ended(claim)]
    for claim in ended:
        logger.info("the lock %s of process %d, which ended, is broken", strict.lock_file, claim.pid)
        with suppress(FileNotFoundError):  # another that waits was first
            strict.force_break(claim.name)
    return bool(ended)


def _sign_of(path: Path, claims: tuple[StrictSoftFileClaim, ...]) -> object:
    """Return what changes while a holder is alive: its claims, and the time of its note."""
    holding = tuple(claim.name for claim in claims if claim.state == "held")
    try:
        status = _note_of(path).stat()
    except OSError:
        return holding
    return holding, status.st_mtime_ns, status.st_ino


def _words(path: Path, claim: StrictSoftFileClaim) -> str:
    """Return who holds a lock, since when, and what to do, as the end of a sentence."""
    host, since = claim.hostname.partition("?")[0], ""
    with suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(_note_of(path).read_bytes())
        if note["process"] == claim.pid:
            host, since = str(note["host"])[:80], f" since {str(note['since'])[:20]}"
    _, note_file, claims = files_of(path)
    return (
        f"held{since} by process {claim.pid} on host {host}, of which there was no sign for "
        f"{SILENT_SECONDS / 60:.0f} minutes; see whether it still runs there, and if it does not, remove "
        f"{claims} and {note_file.name} beside it and run again"
    )


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.by")


def _write_note(note: Path) -> None:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    # For people: a lock whose note cannot be written is held all the same.
    with suppress(OSError):
        note.write_text(json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": since}))


def _beat(note: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(note)


@cache
def _own_claim() -> StrictSoftFileClaim:
    """Return how this kernel and space of processes are written in a claim: as in one of our own."""
    with tempfile.TemporaryDirectory() as folder:
        strict = StrictSoftFileLock(Path(folder) / "own")
        with strict:
            return strict.claims[0]
