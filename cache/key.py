"""Content keys: canonical JSON of everything that can change a float, digested. Never names, never paths."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

import numpy as np

from unsinter.cache.errors import CacheError

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]

FORMAT_VERSION = 1
"""Part of every key: a change of the shard layout can never read an older folder as its own."""

KEY_BYTES = 32
"""A row key is a SHA-256."""

_ROW_KEY = re.compile(r"[0-9a-f]{64}")


def canonical(value: JSON) -> bytes:
    """Return the one UTF-8 spelling of a JSON value: keys sorted, no spaces.

    Raises
    ------
    CacheError : the value holds NaN, infinity, a key that is not text, or an object JSON cannot say.
    """
    _check_keys(value, "identity")
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError) as error:
        raise CacheError(
            f"The identity of a cache must be plain JSON with finite numbers: {error}; turn digests into "
            "text first."
        ) from error


def digest(value: JSON) -> str:
    """Return the SHA-256 of the canonical spelling, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def identity_key(identity: Mapping[str, JSON]) -> str:
    """Return the folder name of one model identity: its digest together with the cache's format version."""
    return digest({"format": FORMAT_VERSION, "identity": identity})


def check_row_keys(rows: Sequence[str]) -> None:
    """Raise CacheError unless every row key is the hexadecimal SHA-256 of what the model was fed."""
    for number, row in enumerate(rows):
        if not isinstance(row, str) or not _ROW_KEY.fullmatch(row):
            raise CacheError(
                f"Row {number} has the key {row!r}; a row key is the 64-digit lower-case SHA-256 of its "
                "token ids."
            )


def pack(rows: Sequence[str]) -> bytes:
    """Return row keys as bytes, 32 each.

    Raises
    ------
    ValueError : a key is not 64 lower-case hexadecimal digits.
    """
    text = "".join(rows)
    packed = bytes.fromhex(text)
    if any(len(row) != 2 * KEY_BYTES for row in rows) or packed.hex() != text:
        raise ValueError("a row key is 64 lower-case hexadecimal digits")
    return packed


def unpack(packed: bytes) -> tuple[str, ...]:
    """Return packed row keys as texts."""
    text = packed.hex()
    return tuple(text[start : start + 2 * KEY_BYTES] for start in range(0, len(text), 2 * KEY_BYTES))


def has_twins(packed: bytes) -> bool:
    """Say whether a key stands twice among packed ones."""
    heads = np.frombuffer(packed, "<u8")[:: KEY_BYTES // 8]
    if len(np.unique(heads)) == len(heads):
        return False
    starts = range(0, len(packed), KEY_BYTES)
    return len({packed[start : start + KEY_BYTES] for start in starts}) < len(starts)


def _check_keys(value: JSON, where: str) -> None:
    # json.dumps would turn the keys 1 and True into "1" and "true": two identities, one digest.
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise CacheError(
                    f"The identity of a cache has the key {key!r} in {where}; use text keys only."
                )
            _check_keys(inner, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_keys(inner, where)
