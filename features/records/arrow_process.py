"""Asks a process of its own to open Parquet and Arrow files: one that ends it is an error like any other.

The process is started with the first such file, ends with this one, and opens each file in a fork of its own.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeAlias

from unsinter.cache.errors import UnsinterError

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); from {} import serve; serve(int(sys.argv[1]))"
)
_WORKER = "unsinter.features.records.arrow_worker"
_HEADER_BYTES = 9
_FACTS, _BATCH, _LAST = b"F", b"B", b"L"
_SECONDS_TO_END = 5.0
"""In which the process says how a fork ended."""

Batches: TypeAlias = Iterable[tuple[Any, int]]
"""Record batches, each with the bytes that its texts take once none is shared."""


class UnreadableError(UnsinterError, ValueError):
    """A file that the library cannot read, or that it does not survive; ``is_too_large`` if for its size."""

    def __init__(self, reason: str, *, is_too_large: bool = False) -> None:
        super().__init__(reason)
        self.is_too_large = is_too_large


def parquet_facts(path: Path, *, most: int) -> tuple[dict[str, Any], Batches | None]:
    """Return what a Parquet file says of itself, and its rows if it is a small one.

    Raises
    ------
    UnreadableError : the library refuses the file or does not survive it, or texts of a small one take more
        than ``most`` bytes.
    """
    request = {"what": "facts", "path": str(path.absolute()), "n_bytes": 0, "texts": [], "most": most}
    # To the end, so that the process is free for the next file.
    parts = list(_parts(request))
    facts: dict[str, Any] = next((json.loads(payload) for kind, payload in parts if kind == _FACTS), {})
    _refuse_fault(parts[-1][1])
    batches = [_batch(payload) for kind, payload in parts if kind == _BATCH]
    return facts, batches if batches or facts["n_rows"] == 0 else None


def parquet_batches(path: Path, facts: Mapping[str, Any], *, most: int) -> Batches:
    """Yield the rows of a Parquet file.

    Raises
    ------
    UnreadableError : as above.
    """
    last = b"{}"
    request = {"what": "rows", "path": str(path.absolute()), "most": most}
    for kind, payload in _parts({**request, "texts": facts["texts"], "n_bytes": facts["n_bytes"]}):
        if kind == _LAST:
            last = payload
        else:
            yield _batch(payload)
    _refuse_fault(last)


def check_parquet_file(path: Path, *, most: int) -> None:
    """Raise UnreadableError unless a Parquet file is sound to the last offset; nothing of it comes back.

    It may unpack to ``most`` bytes.
    """
    parts = list(_parts({"what": "check table", "path": str(path.absolute()), "n_bytes": 0, "most": most}))
    _refuse_fault(parts[-1][1])


def check_arrow_file(path: Path) -> None:
    """Raise UnreadableError unless an Arrow stream, as `datasets` keeps it, is sound to the last offset."""
    parts = list(_parts({"what": "check", "path": str(path.absolute()), "n_bytes": 0}))
    _refuse_fault(parts[-1][1])


def _batch(payload: bytes) -> tuple[Any, int]:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(payload).slice(8)) as stream:
        return stream.read_next_batch(), int.from_bytes(payload[:8], "little")


def _refuse_fault(last: bytes) -> None:
    fault = json.loads(last).get("fault")
    if fault is not None:
        raise UnreadableError(str(fault), is_too_large=fault == "memory")


class _Worker:
    """The process, and the socket that requests go through."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _START.format(_WORKER),
                    str(theirs.fileno()),
                    json.dumps(sys.path),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt at the keyboard is for this process alone
                env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"},
            )

    def send(self, request: Mapping[str, Any]) -> IO[bytes]:
        """Send a request; return where its answer comes from."""
        reader, writer = os.pipe()
        stream = os.fdopen(reader, "rb")
        try:
            socket.send_fds(self.control, [json.dumps(request).encode()], [writer])
        except OSError:
            stream.close()
            raise
        finally:
            os.close(writer)
        return stream

    def signal_of_end(self) -> str | None:
        """Return the name of the signal that ended the fork; None where the process does not say."""
        self.control.settimeout(_SECONDS_TO_END)
        with suppress(OSError, ValueError):
            return signal.Signals(-int(self.control.recv(64))).name
        return None

    def stop(self) -> None:
        """End the process."""
        self.control.close()
        self.process.kill()
        self.process.wait()


_idle: list[_Worker] = []


def _parts(request: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each part of an answer."""
    worker, is_free, is_whole = _take(), True, False
    try:
        try:
            stream = worker.send(request)
        except OSError as error:
            is_free = False
            raise UnreadableError(f"the process that reads it ended ({error.strerror})") from error
        with stream:
            while len(header := stream.read(_HEADER_BYTES)) == _HEADER_BYTES:
                length = int.from_bytes(header[1:], "little")
                if len(payload := stream.read(length)) < length:
                    break
                is_whole = header[:1] == _LAST
                yield header[:1], payload
        if not is_whole:
            name = worker.signal_of_end()
            is_free = name is not None  # and has another fork
            raise UnreadableError(f"the library that reads it was ended by it, with {name or 'an error'}")
    finally:
        # Where the reader of these parts stopped early, the process is free once it writes the next.
        if is_free:
            _idle.append(worker)
        else:
            worker.stop()


def _take() -> _Worker:
    """Return an idle process, or a new one; those of the process that forked this one are left alone."""
    for worker in list(_idle):
        if worker.owner == os.getpid():
            with suppress(ValueError):  # another thread took it
                _idle.remove(worker)
                if worker.process.poll() is None:
                    return worker
                worker.stop()
    try:
        return _Worker()
    except OSError as error:
        raise UnreadableError(f"no process to read it in can be started: {error.strerror}") from error


@atexit.register
def _stop_idle() -> None:
    for worker in _idle:
        if worker.owner == os.getpid():
            worker.stop()
