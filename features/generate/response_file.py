"""A JSON Lines file of generated responses that survives being killed at any byte."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from unsinter.cache.appending import append_whole, cut_to
from unsinter.cache.refusals import naming


class ResponseFileError(ValueError):
    """A file of responses is damaged or holds responses of something else."""


@dataclass(slots=True, kw_only=True)
class ResponseFile:
    """The responses in one file, and the way to add to them; one writer at a time."""

    path: Path
    records: dict[str, dict[str, Any]]

    @classmethod
    def open(cls, path: Path, *, settings: str) -> Self:
        """Read ``path`` (absent is empty) and cut off a last line that a kill left unfinished.

        Raises ResponseFileError where a line is not a record, or was made with other settings.
        """
        raw = path.read_bytes() if path.exists() else b""
        whole = raw[: raw.rfind(b"\n") + 1]
        records: dict[str, dict[str, Any]] = {}
        for number, line in enumerate(whole.splitlines(), start=1):
            record = _parse(line, where=f"{path}, row {number}")
            if record.get("settings") != settings:
                raise ResponseFileError(
                    f"{path}, row {number}, field 'settings': it was generated with another model or "
                    "settings "
                    f"({record.get('settings')!r}, not {settings!r}); give another file."
                )
            records[record["id"]] = record
        if len(whole) < len(raw):
            with naming(path, ResponseFileError):
                cut_to(path, len(whole))
        return cls(path=path, records=records)

    def append(self, records: Sequence[dict[str, Any]]) -> None:
        """Write records at the end and wait until they are on disk; ResponseFileError if they cannot be."""
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        with naming(self.path, ResponseFileError):
            append_whole(self.path, text.encode())
        self.records.update((record["id"], record) for record in records)


def _parse(line: bytes, *, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ResponseFileError(
            f"{where}: not a JSON record ({error}); repair or remove the file."
        ) from error
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        raise ResponseFileError(f"{where}, field 'id': missing; this is no file of generated responses.")
    return record
