"""A JSON Lines file of generated responses: it survives a kill at any byte and notices any changed one."""

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from unsinter.cache.appending import append_whole, cut_to
from unsinter.cache.atomic import write_atomically
from unsinter.cache.errors import UnsinterError
from unsinter.cache.refusals import naming

logger = logging.getLogger(__name__)

_SEAL = "sha256"
_SEALED = (
    *("id", "prompt_id", "model", "response_opening", "n_tokens", "truncated", "sample"),
    *("prompt_key", "settings", "reasoning_opened"),
)
"""Fields that a record's digest covers; others may be added to a row later."""

_DIGEST = re.compile("[0-9a-f]{64}")


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
        Raises ResponseFileError where nothing in it is a record, or one was made with other settings.
        """
        raw = path.read_bytes() if path.exists() else b""
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
            if faults:
                _take_out(path, lines, faults, is_ours=bool(records) or f'"{_SEAL}"'.encode() in raw)
            elif len(whole) < len(raw):
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
