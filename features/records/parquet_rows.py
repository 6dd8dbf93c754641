"""Rows of a Parquet file, which may unpack to a million times its size: what it would take is asked first."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unsinter.features.records.arrow_process import UnreadableError, parquet_batches, parquet_facts
from unsinter.features.records.record import RecordError

_SMALL = 64_000_000
"""Bytes, or values, that any file may unpack to; a larger file may unpack to `_RATIO` times its size."""

_RATIO = 200
_AT_ONCE = 8_000_000
"""Bytes of text that become Python's at once; rows beyond it are read one by one."""


class ParquetRows:
    """The rows of one Parquet file, which may be gone through more than once.

    Raises
    ------
    RecordError : the file is no readable Parquet file, names a column twice, or is far larger than it looks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        size = path.stat().st_size
        self._most = max(_SMALL, _RATIO * size)
        try:
            self._facts, self._kept = parquet_facts(path, most=self._most)
        except UnreadableError as error:
            raise self._refusal(error) from error
        if twice := self._facts["twice"]:
            raise RecordError.at(path, f"the header names {twice!r} twice; rename one")
        n_rows, n_values, n_bytes = (self._facts[name] for name in ("n_rows", "n_values", "n_bytes"))
        if n_rows > size or max(n_values, n_bytes) > self._most:
            raise self._larger_than_it_looks()
        if min(n_rows, n_values, n_bytes) < 0:
            raise self._refusal(UnreadableError("it names fewer than no rows, values or bytes"))
        self.columns = tuple(self._facts["columns"])
        self.metadata: Mapping[bytes, bytes] = {
            b64decode(name): b64decode(value) for name, value in self._facts["metadata"].items()
        }

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        number, kept = 1, self._kept
        try:
            read = parquet_batches(self.path, self._facts, most=self._most) if kept is None else kept
            for batch, size in read:
                # Long texts become Python's row by row.
                step = max(1, len(batch)) if size <= _AT_ONCE else 1
                for start in range(0, len(batch), step):
                    yield from self._values(batch.slice(start, step), number + start)
                number += len(batch)
        except UnreadableError as error:
            raise self._refusal(error) from error

    def _values(self, batch: Any, number: int) -> list[Mapping[str, Any]]:
        try:
            rows: list[Mapping[str, Any]] = batch.to_pylist()
        except Exception:  # the library raises every kind, by the type of the value that Python does not have
            return [self._row(batch.slice(place, 1), number + place) for place in range(len(batch))]
        return rows

    def _row(self, batch: Any, number: int) -> Mapping[str, Any]:
        """Read one row value by value; RecordError names the first that cannot be read."""
        values = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                values[name] = column[0].as_py()
            except UnicodeDecodeError as error:
                fault = f"byte {error.start + 1} of the text is not UTF-8; write the texts as UTF-8"
                raise RecordError.at(self.path, fault, row=number, field=name) from error
            except Exception as error:  # as above
                fault = f"holds a value of type {column.type} that cannot be read ({type(error).__name__})"
                raise RecordError.at(self.path, fault, row=number, field=name) from error
        return values

    def _refusal(self, error: UnreadableError) -> RecordError:
        if error.is_too_large:
            return self._larger_than_it_looks()
        return RecordError.at(self.path, f"is not a readable Parquet file ({error}); write it again")

    def _larger_than_it_looks(self) -> RecordError:
        size = self.path.stat().st_size
        fault = (
            f"is {size:,} bytes long and unpacks to more than {self._most:,}, which no file of texts does; "
            "write it again, or as JSON Lines"
        )
        return RecordError.at(self.path, fault)
