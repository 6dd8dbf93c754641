"""Weights of a Llama in a GGUF file, dequantised, under the names that transformers gives them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_OUTER = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_IN_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def read_tensors(reader: Any) -> Iterator[tuple[str, FloatArray]]:
    """Yield name and weight, float32, of every tensor of a ``gguf.GGUFReader``.

    Each weight is what its block of integers stands for (scale times integer plus offset), computed element
    by element, so that it has the same bits on every machine.

    Raises
    ------
    KeyError : there is a tensor that no Llama has.
    """
    from gguf import dequantize

    heads = {
        "attn_q": int(reader.fields["llama.attention.head_count"].contents()),
        "attn_k": int(reader.fields["llama.attention.head_count_kv"].contents()),
    }
    for tensor in reader.tensors:
        weight = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        block = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", tensor.name)
        if block is None:
            yield _OUTER[tensor.name], np.ascontiguousarray(weight)
            continue
        number, part = block.groups()
        if part in heads:
            weight = _halves_apart(weight, heads[part])
        yield f"model.layers.{number}.{_IN_BLOCK[part]}.weight", np.ascontiguousarray(weight)


def write_weights(path: Path, tensors: Mapping[str, FloatArray]) -> None:
    """Write a safetensors file of float32 tensors whose bytes follow from names and numbers alone.

    The library may order and pad a header otherwise from version to version; this file's digest is known.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in sorted(tensors):
        start, end = end, end + tensors[name].nbytes
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            file.write(tensors[name].astype("<f4", copy=False).data)


def _halves_apart(weight: FloatArray, n_heads: int) -> FloatArray:
    """Return a projection (n_heads * d_head, d_model) with each head's rotary halves one behind the other.

    llama.cpp keeps the two numbers that one angle turns side by side; transformers keeps them half a head
    apart.
    """
    rows, width = weight.shape
    return weight.reshape(n_heads, rows // n_heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)
