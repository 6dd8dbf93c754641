"""Rows of a Parquet file, which may unpack to a million times its size: what it would take is asked first."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from unsinter.features.records.record import RecordError

_BATCH = 1024
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
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        try:
            with pq.ParquetFile(path) as file:
                schema, facts = file.schema_arrow, file.metadata
                chunks = [
                    facts.row_group(group).column(place)
                    for group in range(facts.num_row_groups)
                    for place in range(facts.num_columns)
                ]
                self._texts = [
                    file.schema.column(place).path
                    for place in range(len(file.schema))
                    if file.schema.column(place).physical_type == "BYTE_ARRAY"
                ]
                n_rows, n_values = facts.num_rows, sum(chunk.num_values for chunk in chunks)
                n_bytes = sum(chunk.total_uncompressed_size for chunk in chunks)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._unreadable(error) from error
        if twice := _field_twice(schema):
            raise RecordError.at(path, f"the header names {twice!r} twice; rename one")
        self._most = max(_SMALL, _RATIO * path.stat().st_size)
        if n_rows > path.stat().st_size or max(n_values, n_bytes) > self._most:
            raise self._larger_than_it_looks()
        self.columns = tuple(schema.names)
        self.metadata: Mapping[bytes, bytes] = schema.metadata or {}

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        number, n_bytes = 1, 0
        try:
            # Repeated texts stay one until their size is known: a short file may repeat a long one.
            with pq.ParquetFile(self.path, read_dictionary=self._texts) as file:
                for batch in file.iter_batches(batch_size=_BATCH):
                    size = sum(_text_bytes(column) for column in batch.columns)
                    n_bytes += size
                    if n_bytes > self._most:
                        raise self._larger_than_it_looks()
                    step = _BATCH if size <= _AT_ONCE else 1
                    for start in range(0, len(batch), step):
                        yield from self._values(batch.slice(start, step), number + start)
                    number += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error

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

    def _unreadable(self, error: Exception) -> RecordError:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        return RecordError.at(self.path, f"is not a readable Parquet file ({reason}); write it again")

    def _larger_than_it_looks(self) -> RecordError:
        size = self.path.stat().st_size
        fault = (
            f"is {size:,} bytes long and unpacks to more than {self._most:,}, which no file of texts does; "
            "write it again, or as JSON Lines"
        )
        return RecordError.at(self.path, fault)


def _text_bytes(column: Any) -> int:
    """Return the bytes that the texts of an Arrow array take once none is shared."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        if not _is_text(kind.value_type):
            return int(column.nbytes)
        lengths = pc.binary_length(column.dictionary).cast(pa.int64())
        return pc.sum(lengths.take(column.indices)).as_py() or 0
    if _is_text(kind):
        return pc.sum(pc.binary_length(column).cast(pa.int64())).as_py() or 0
    if pa.types.is_map(kind):
        return _text_bytes(column.keys) + _text_bytes(column.items)
    if pa.types.is_struct(kind):
        return sum(map(_text_bytes, column.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _text_bytes(column.flatten())
    return int(column.nbytes)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_kind(kind) for is_kind in kinds)


def _field_twice(fields: Iterable[Any], parent: str = "") -> str | None:
    """Return the first column, or field inside a column (``parent.name``), whose name another has too."""
    seen: set[str] = set()
    for column in fields:
        name, kind = f"{parent}{column.name}", column.type
        if name in seen:
            return name
        seen.add(name)
        inner = (kind.field(place) for place in range(kind.num_fields))
        # The two parts of a map are no names of the file's.
        if kind.num_fields and (twice := _field_twice(inner, f"{name}.")):
            return twice
    return None
