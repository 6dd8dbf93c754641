"""Opens Parquet and Arrow files in a process of its own: a damaged one may end the library that reads it.

This module runs in the process that `unsinter.features.records.arrow_process` starts. It forks one that opens
files within limits on memory and time, and another after every file whose rows have a fault, so that nothing
of damaged rows stays for the next one. What is sent was checked to the last offset; of texts only the bytes,
since the reader names those that are none.
"""

import base64
import gc
import io
import json
import os
import resource
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from unsinter.features.records.arrow_checks import check_columns, field_twice, text_bytes

FRAME = struct.Struct("<cQ")
"""Before each part of an answer: its kind and its length in bytes."""

FACTS, BATCH, LAST = b"F", b"B", b"L"
"""Kinds of parts: what a file says of itself (JSON), rows (one Arrow stream), and the last one (JSON)."""

LONGEST_REQUEST = 65_536
ROWS = 1024
"""Rows of a batch."""

_SMALL = 4_000_000
"""Bytes of a file whose rows are sent with its facts."""

_CLOSED, _RENEW = 3, 4
"""Exit codes of a fork: no request will come; rows of the last file had a fault."""

_SPARE_MEMORY = 256_000_000
_MEMORY_TIMES = 4
"""Bytes that reading may take for each byte that a file says it unpacks to."""

_SPARE_SECONDS = 60
_BYTES_PER_SECOND = 1_000_000
"""What a busy machine unpacks at the very least."""


def serve(descriptor: int) -> None:
    """Answer requests that come over a socket until its other end is closed."""
    _warm_up()
    with socket.socket(fileno=descriptor) as control:
        while True:
            child = os.fork()
            if child == 0:
                os._exit(_read_until_fault(control))
            _, status = os.waitpid(child, 0)
            if (code := os.waitstatus_to_exitcode(status)) == _CLOSED:
                return
            if code != _RENEW:
                control.sendall(b"%d\n" % code)


def _read_until_fault(control: socket.socket) -> int:
    """Answer requests until one is about rows with a fault; return the exit code."""
    while True:
        request, outputs, _, _ = socket.recv_fds(control, LONGEST_REQUEST, 1)
        if not request:
            return _CLOSED
        with os.fdopen(outputs[0], "wb") as out:
            if not _answer(json.loads(request), out):
                return _RENEW


def _warm_up() -> None:
    """Import and set up once what each fork would do anew, on a file of our own."""
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(["a"]), "list": pa.array([[1]])}), stream)
    with _opened(pa.BufferReader(stream.getvalue()), ["text"]) as file:
        _facts(file)
        _send(io.BytesIO(), _checked_batches(file, 1_000))
    gc.collect()
    gc.freeze()


def _opened(source: Any, texts: Sequence[str] = ()) -> Any:
    # Repeated texts stay one until their size is known: a short file may repeat a long one.
    return pq.ParquetFile(source, read_dictionary=list(texts), page_checksum_verification=True)


def _answer(request: Mapping[str, Any], out: IO[bytes]) -> bool:
    """Send the answer to a request; False where rows were begun and have a fault."""
    last: dict[str, str] = {}
    are_begun = request["what"] != "facts"
    try:
        path = Path(request["path"])
        _limit(int(request["n_bytes"]) + path.stat().st_size)
        if request["what"] == "check":
            _check_arrow_file(path)
        elif request["what"] == "check table":
            _check_table(path, int(request["most"]))
        else:
            with pa.OSFile(str(path)) as source, _opened(source, request["texts"]) as file:
                are_begun = are_begun or _send_facts(out, file)
                if are_begun:
                    _send(out, _checked_batches(file, request["most"]))
    except BrokenPipeError:  # whoever asked needs no more of it
        return True
    except MemoryError:  # that of Arrow is one too
        last = {"fault": "memory"}
    except Exception as error:  # the library raises every kind over a damaged file
        last = {"fault": (str(error).splitlines() or [type(error).__name__])[0][:200]}
    with suppress(OSError):
        _write(out, LAST, json.dumps(last).encode())
    return not (last and are_begun)


def _limit(n_bytes: int) -> None:
    """Bound memory and time of this process; without such bounds on a system the rest still holds."""
    memory = _SPARE_MEMORY + _MEMORY_TIMES * n_bytes
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory, most))
    with suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        seconds = int(time.process_time()) + _SPARE_SECONDS + n_bytes // _BYTES_PER_SECOND
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _write(out: IO[bytes], kind: bytes, payload: bytes | memoryview) -> None:
    out.write(FRAME.pack(kind, len(payload)))
    out.write(payload)
    out.flush()


def _send_facts(out: IO[bytes], file: Any) -> bool:
    """Send what a Parquet file says of itself; True where its rows are to follow at once."""
    facts = _facts(file)
    _write(out, FACTS, json.dumps(facts).encode())
    is_small = 0 <= facts["n_rows"] <= ROWS and 0 <= max(facts["n_bytes"], facts["n_values"]) <= _SMALL
    return is_small and facts["twice"] is None


def _facts(file: Any) -> dict[str, Any]:
    """Return what a Parquet file says of itself; no row is read."""
    schema, facts = file.schema_arrow, file.metadata
    groups = range(facts.num_row_groups)
    chunks = [facts.row_group(n).column(place) for n in groups for place in range(facts.num_columns)]
    columns = [file.schema.column(place) for place in range(len(file.schema))]
    return {
        "columns": list(schema.names),
        "texts": [column.path for column in columns if column.physical_type == "BYTE_ARRAY"],
        "metadata": {
            base64.b64encode(name).decode(): base64.b64encode(value).decode()
            for name, value in (schema.metadata or {}).items()
        },
        "twice": field_twice(schema),
        "n_rows": facts.num_rows,
        "n_values": sum(chunk.num_values for chunk in chunks),
        "n_bytes": sum(chunk.total_uncompressed_size for chunk in chunks),
    }


def _checked_batches(file: Any, most: int) -> Iterator[tuple[Any, int]]:
    """Yield batches of rows, each with the bytes that its texts take once none is shared."""
    n_bytes = 0
    for batch in file.iter_batches(batch_size=ROWS, use_threads=False):
        check_columns(batch.columns)
        size = sum(map(text_bytes, batch.columns))
        n_bytes += size
        if n_bytes > most:
            raise MemoryError
        yield batch, size


def _send(out: IO[bytes], batches: Iterable[tuple[Any, int]]) -> None:
    for batch, size in batches:
        stream = io.BytesIO()
        with pa.ipc.new_stream(stream, batch.schema) as writer:
            writer.write_batch(batch)
        _write(out, BATCH, size.to_bytes(8, "little") + stream.getvalue())


def _check_table(path: Path, most: int) -> None:
    """Go through a Parquet file, within what it says that it unpacks to."""
    with pa.OSFile(str(path)) as source, _opened(source) as file:
        facts = _facts(file)
    if max(facts["n_values"], facts["n_bytes"]) > most:
        raise MemoryError
    _limit(facts["n_bytes"] + path.stat().st_size)
    with pa.OSFile(str(path)) as source, _opened(source, facts["texts"]) as file:
        for _ in _checked_batches(file, most):
            pass


def _check_arrow_file(path: Path) -> None:
    """Go through an Arrow stream as `datasets` writes it."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
        for batch in stream:
            check_columns(batch.columns)
