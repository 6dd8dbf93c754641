"""Config, tokenizer and chat template of a Llama in a GGUF file, as files of an ordinary model folder."""

import json
from typing import Any

import numpy as np

_SPECIAL = 3
"""Kind of a token that no text is made of, in a GGUF file's list of kinds."""

_KNOWN = {"general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm"}
"""What a file must say of itself for the files made here to be right."""


def text_files(reader: Any) -> dict[str, bytes]:
    """Return name -> content of all files but the weights.

    Raises
    ------
    ValueError : the file holds another kind of model.
    """
    values = {name: field.contents() for name, field in reader.fields.items()}
    for name, expected in _KNOWN.items():
        if values.get(name) != expected:
            raise ValueError(f"{name} is {values.get(name)!r}, where {expected!r} is read")
    return {
        "config.json": _json(_config(values)),
        "generation_config.json": _json(_special_ids(values)),
        "tokenizer.json": _json(_tokenizer(values)),
        "tokenizer_config.json": _json(_tokenizer_config(values)),
        "chat_template.jinja": values["tokenizer.chat_template"].encode(),
    }


def _config(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": values["llama.embedding_length"],
        "intermediate_size": values["llama.feed_forward_length"],
        "num_hidden_layers": values["llama.block_count"],
        "num_attention_heads": values["llama.attention.head_count"],
        "num_key_value_heads": values["llama.attention.head_count_kv"],
        "vocab_size": len(values["tokenizer.ggml.tokens"]),
        "max_position_embeddings": values["llama.context_length"],
        "rms_norm_eps": _as_written(values["llama.attention.layer_norm_rms_epsilon"]),
        "rope_theta": _as_written(values["llama.rope.freq_base"]),
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "dtype": "float32",
        **_special_ids(values),
    }


def _as_written(value: float) -> float:
    """Return the shortest number of which a float32 of the file is the nearest: 1e-05, not 9.9999997e-06."""
    return float(str(np.float32(value)))


def _special_ids(values: dict[str, Any]) -> dict[str, int]:
    names = {"bos": "bos", "eos": "eos", "pad": "padding"}
    return {f"{ours}_token_id": values[f"tokenizer.ggml.{theirs}_token_id"] for ours, theirs in names.items()}


def _tokenizer_config(values: dict[str, Any]) -> dict[str, Any]:
    tokens = values["tokenizer.ggml.tokens"]
    names = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{
            f"{our}_token": tokens[values[f"tokenizer.ggml.{their}_token_id"]] for our, their in names.items()
        },
        "model_max_length": values["llama.context_length"],
        "clean_up_tokenization_spaces": False,
    }


def _tokenizer(values: dict[str, Any]) -> dict[str, Any]:
    """Return the content of tokenizer.json: a byte-level BPE in front of which every digit stands alone."""
    tokens, kinds = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    byte_level = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": number, "content": token, **plain, "special": True}
            for number, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
            if kind == _SPECIAL
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {**byte_level, "add_prefix_space": False},
            ],
        },
        "post_processor": None,
        "decoder": {**byte_level, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": [pair.split(" ", 1) for pair in values["tokenizer.ggml.merges"]],
        },
    }


def _json(content: dict[str, Any]) -> bytes:
    return f"{json.dumps(content, ensure_ascii=False, indent=1)}\n".encode()
