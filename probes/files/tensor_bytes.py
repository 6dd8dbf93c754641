"""Safetensors files whose bytes follow from what they hold; the library orders metadata by chance."""

import json
from collections.abc import Mapping

from safetensors.numpy import save

from unsinter.probes.arrays import FloatArray

_ALIGNMENT = 8
_METADATA = "__metadata__"


def tensor_bytes(tensors: Mapping[str, FloatArray], *, metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file, equal for equal content; metadata stand in the order of their names."""
    data = save(dict(tensors), metadata=dict(metadata))
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header[_METADATA] = dict(sorted(header.get(_METADATA, {}).items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text + data[start:]
