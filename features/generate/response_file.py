"""A JSON Lines file of generated responses: it survives a kill at any byte and notices any changed one."""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from filelock import FileLock

from unsinter.cache.appending import append_whole, cut_to
from unsinter.cache.atomic import make_folder, write_atomically
from unsinter.cache.errors import UnsinterError, naming
from unsinter.cache.location import read_regular

logger = logging.getLogger(__name__)

_SEAL = "sha256"
_SEALED = (
    *("id", "prompt_id", "model", "response_opening", "n_tokens", "truncated", "sample"),
    *("prompt_key", "settings", "reasoning_opened", "engine", "build"),
)
"""Fields that a record's digest covers; others may be added to a row later."""

_DIGEST = re.compile("[0-9a-f]{64}")
_OPENED = re.compile(rb'\{"id": "(?:[^"\\]|\\.)*')
"""How a record begins, up to the end of its id."""


class ResponseFileError(UnsinterError, ValueError):
    """A file of responses is damaged or holds responses of something else."""


@dataclass(slots=True, kw_only=True)
class ResponseFile:
    """The responses in one file, and the way to add to them; one writer at a time."""

    path: Path
    records: dict[str, dict[str, Any]]

    @classmethod
    def open(cls, path: Path, *, settings: str) -> Self:
        """Read ``path`` (absent is empty) and cut off a last line that a kill left unfinished.

        Rows whose bytes are not those that were written are named and taken out, so that they are generated
        anew; the file as it was is kept beside. Rows of earlier versions carry no digest, which is said.

        Raises
        ------
        ResponseFileError : nothing in it is a record, or one was made with other settings.
        """
        raw = _bytes_of(path)
        whole = raw[: raw.rfind(b"\n") + 1]
        records: dict[str, dict[str, Any]] = {}
        lines, faults, n_unsealed = whole.splitlines(keepends=True), {}, 0
        for number, line in enumerate(lines, start=1):
            record = _parse(line)
            if isinstance(record, str):
                faults[number] = record
                continue
            if record.get("settings") != settings:
                raise ResponseFileError(
                    f"{path}, row {number}, field 'settings': it was generated with another model or "
                    "settings "
                    f"({record.get('settings')!r}, not {settings!r}); give another file."
                )
            n_unsealed += _SEAL not in record
            records[record["id"]] = {name: value for name, value in record.items() if name != _SEAL}
        if n_unsealed:
            logger.warning(
                "%s: %d of its answers carry no digest (an earlier version wrote them), so they cannot be "
                "checked.", path, n_unsealed,
            )  # fmt: skip
        with naming(path, ResponseFileError):
            if (tail := raw[len(whole) :]) and not _is_begun(tail):
                lines.append(tail)
                faults[len(lines)] = "no record, and no line end behind it"
            if faults:
                _take_out(path, lines, faults, is_ours=bool(records) or f'"{_SEAL}"'.encode() in raw)
            elif tail:
                cut_to(path, len(whole))
        return cls(path=path, records=records)

    def append(self, records: Sequence[dict[str, Any]]) -> None:
        """Write records at the end, each with its digest, and wait until they are on disk.

        Raises
        ------
        ResponseFileError : they cannot be written.
        """
        sealed = ({**record, _SEAL: _digest(record)} for record in records)
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in sealed)
        with naming(self.path, ResponseFileError):
            append_whole(self.path, text.encode())
        self.records.update((record["id"], record) for record in records)


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Keep other writers from a file of responses for the block, and make its folder.

    Raises
    ------
    ResponseFileError : the system refuses folder or lock.
    """
    with naming(path, ResponseFileError):
        make_folder(path.parent)
        lock = FileLock(f"{path}.lock")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _bytes_of(path: Path) -> bytes:
    try:
        return read_regular(path) if path.exists() else b""
    except OSError as error:
        raise ResponseFileError(f"{path} cannot be read ({error.strerror}); move it away.") from error


def _digest(record: dict[str, Any]) -> str:
    fields = {name: record[name] for name in _SEALED if name in record}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _parse(line: bytes) -> dict[str, Any] | str:
    """Return the record of a line; where it is none, or not as it was written, why."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not a JSON record ({' '.join(str(error).split())})"
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        return "no 'id': it is no generated response"
    others = [value for name, value in record.items() if name not in (*_SEALED, _SEAL)]
    # The name of the digest may be what was changed.
    lost = _SEAL not in record and any(isinstance(v, str) and _DIGEST.fullmatch(v) for v in others)
    if lost or (_SEAL in record and record[_SEAL] != _digest(record)):
        return "its bytes are not those that were written"
    return record


def _is_begun(tail: bytes) -> bool:
    """Whether bytes without a line end can be what a kill left of one of our records."""
    try:
        record = json.loads(tail)
    except (ValueError, RecursionError):
        opened = _OPENED.match(tail)
        if opened is None:
            return b'{"id": "'.startswith(tail)
        rest, follows = tail[opened.end() :], b'", "prompt_id": "'
        return rest == b"\\" or rest.startswith(follows) or follows.startswith(rest)
    return isinstance(record, dict) and {"id", "prompt_id", "settings"} <= record.keys()


def _take_out(path: Path, lines: Sequence[bytes], faults: dict[int, str], *, is_ours: bool) -> None:
    """Keep a copy of a damaged file beside it and leave the sound rows in it."""
    number, why = next(iter(faults.items()))
    if not is_ours:
        raise ResponseFileError(
            f"{path}, row {number}: {why}; this is no file of generated responses, give another."
        )
    n = 1
    while (kept := path.with_name(f"{path.name}.damaged-{n}")).exists():
        n += 1
    write_atomically(kept, [b"".join(lines)])
    write_atomically(path, [b"".join(line for n, line in enumerate(lines, start=1) if n not in faults)])
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    logger.warning(
        "%s, row %d%s: %s; what is damaged is generated anew (the file as it was: %s).",
        path, number, more, why, kept.name,
    )  # fmt: skip
