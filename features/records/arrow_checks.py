"""What is asked of Arrow columns before anything in them is used: soundness, size, names."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def check_columns(columns: Iterable[Any]) -> None:
    """Compare every offset and index with what it leads into; ArrowInvalid where one leads out of it."""
    for column in columns:
        column.validate()
        column.view(_as_bytes(column.type)).validate(full=True)


def _as_bytes(kind: Any) -> Any:
    """Return an Arrow type with bytes in place of texts, so that bytes that are no text are no fault yet."""
    if isinstance(kind, pa.BaseExtensionType):
        return _as_bytes(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _as_bytes(kind.value_type), kind.ordered)
    if pa.types.is_map(kind):
        return pa.map_(_field(kind.key_field), _field(kind.item_field), kind.keys_sorted)
    if pa.types.is_struct(kind):
        return pa.struct([_field(kind.field(place)) for place in range(kind.num_fields)])
    if pa.types.is_large_list(kind):
        return pa.large_list(_field(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_field(kind.value_field), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(_field(kind.value_field))
    return {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}.get(kind, kind)


def _field(field: Any) -> Any:
    return field.with_type(_as_bytes(field.type))


def text_bytes(column: Any) -> int:
    """Return the bytes that the texts of an Arrow array take once none is shared."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        if not _is_text(kind.value_type):
            return int(column.nbytes)
        lengths = pc.binary_length(column.dictionary).cast(pa.int64())
        return pc.sum(lengths.take(column.indices)).as_py() or 0
    if _is_text(kind):
        return pc.sum(pc.binary_length(column).cast(pa.int64())).as_py() or 0
    if pa.types.is_map(kind):
        return text_bytes(column.keys) + text_bytes(column.items)
    if pa.types.is_struct(kind):
        return sum(map(text_bytes, column.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return text_bytes(column.flatten())
    return int(column.nbytes)


def _is_text(kind: Any) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_kind(kind) for is_kind in kinds)


def field_twice(fields: Iterable[Any], parent: str = "") -> str | None:
    """Return the first column, or field inside a column (``parent.name``), whose name another has too."""
    seen: set[str] = set()
    for column in fields:
        name, kind = f"{parent}{column.name}", column.type
        if name in seen:
            return name
        seen.add(name)
        inner = (kind.field(place) for place in range(kind.num_fields))
        # The two parts of a map are no names of the file's.
        if kind.num_fields and (twice := field_twice(inner, f"{name}.")):
            return twice
    return None
