"""Who uses a folder: fillers and readers share a lock on it, and `gc` removes only what it has to itself.

The lock is on the folder's identity file, which never changes, so that reading writes nothing. The kernel
lets go of it when its process dies, by `kill -9` too.
"""

import errno
import fcntl
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from unsinter.cache.errors import CacheError
from unsinter.cache.places.remote import RemotePath

_TAKEN = {errno.EAGAIN, errno.EACCES}
_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}

_GUARD = threading.RLock()
"""Held while a lock of this process changes; `gc` holds it for as long as it has a folder to itself."""


@dataclass(slots=True)
class _Shared:
    """This process's one lock on a folder, however many stores it has open there."""

    descriptor: int = -1
    n_working: int = 0
    """Calls under way that fill or read."""
    n_stores: int = 0


_SHARED: dict[Path, _Shared] = {}


class Use:
    """One store's share in the lock: from its first call until it is closed or forgotten."""

    def __init__(self, identity: Path) -> None:
        # A store of objects has no locks, and nothing is removed from it: see `gc`.
        self._is_local = not isinstance(identity, RemotePath)
        self._identity = Path(os.path.abspath(identity)) if self._is_local else identity  # noqa: PTH100 - links stay
        self._forget: weakref.finalize[[Path], Use] | None = None

    @contextmanager
    def working(self) -> Iterator[None]:
        """Keep `gc` away for the block, and from then on every `gc` but this process's own."""
        if not self._is_local:
            yield
            return
        with _GUARD:
            shared = self._joined()
            shared.n_working += 1
            _lock(shared, self._identity)
        try:
            yield
        finally:
            with _GUARD:
                shared.n_working -= 1

    def renew(self) -> None:
        """Take the lock of an identity file that this block wrote; call it with the manifest's lock held."""
        if not self._is_local:
            return
        with _GUARD:
            _lock(self._joined(), self._identity)

    def is_held(self) -> bool:
        """Say whether `gc` is kept away: the lock is held on the identity file that is there."""
        if not self._is_local:
            return True
        with _GUARD:
            shared = _SHARED.get(self._identity)
            return shared is not None and _is_current(shared.descriptor, self._identity)

    def _joined(self) -> _Shared:
        shared = _SHARED.setdefault(self._identity, _Shared())
        if self._forget is None or not self._forget.alive:
            shared.n_stores += 1
            self._forget = weakref.finalize(self, _left, self._identity)
        return shared

    def close(self) -> None:
        """Give the share up; the next call takes one again."""
        if self._forget is not None:
            self._forget()


@contextmanager
def alone(identity: Path) -> Iterator[bool]:
    """Yield whether no other process uses the folder and no call of this one does; true holds for the block.

    Stores of this process that are open and idle do not count: whoever calls knows of them. Call it with the
    manifest's lock held.

    Raises
    ------
    OSError : the identity file is there and cannot be opened.
    CacheError : its file system has no locks.
    """
    identity = Path(os.path.abspath(identity))  # noqa: PTH100
    with _GUARD:
        shared = _SHARED.get(identity)
        if shared is not None:
            if shared.n_working:
                yield False
                return
            _close(shared)  # an idle store's share would stand in our own way
        try:
            descriptor = _opened(identity)
        except FileNotFoundError:
            yield True  # every user writes it first, under the manifest's lock
            return
        try:
            yield _try_exclusive(descriptor, identity)
        finally:
            os.close(descriptor)
            if shared is not None:
                _lock(shared, identity)


def _opened(identity: Path) -> int:
    try:
        return os.open(identity, os.O_RDWR | os.O_CLOEXEC)  # which the locks of network file systems need
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        return os.open(identity, os.O_RDONLY | os.O_CLOEXEC)


def _try_exclusive(descriptor: int, identity: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise CacheError(
            f"{identity}: whether a running process uses this folder cannot be told, as its file system has "
            f"no locks ({error.strerror}); end all runs and remove the folder by hand if nobody needs it."
        ) from error
    return True


def _lock(shared: _Shared, identity: Path) -> None:
    """Take the shared lock unless it is held on this very file; a folder not prepared yet has none."""
    while not _is_current(shared.descriptor, identity):
        _close(shared)
        try:
            shared.descriptor = os.open(identity, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # no pipe
            fcntl.flock(shared.descriptor, fcntl.LOCK_SH)  # waits for a `gc` at work, which takes moments
        except OSError:
            # Missing, unreadable, or a file system without locks: whoever needs the file says so, and `gc`
            # removes nothing there without a lock of its own.
            _close(shared)
            return


def _is_current(descriptor: int, identity: Path) -> bool:
    if descriptor < 0:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), identity.stat())
    except OSError:
        return False


def _left(identity: Path) -> None:
    with _GUARD:
        shared = _SHARED[identity]
        shared.n_stores -= 1
        if shared.n_stores == 0:
            _close(shared)
            del _SHARED[identity]


def _close(shared: _Shared) -> None:
    # Closed and never unlocked: a forked child's copy belongs to the parent's lock as well.
    if shared.descriptor >= 0:
        with suppress(OSError):
            os.close(shared.descriptor)
        shared.descriptor = -1


def _after_fork() -> None:
    """Let a forked child go on: whoever held the guard is not in it; its copied descriptors stay shares."""
    global _GUARD
    _GUARD = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
