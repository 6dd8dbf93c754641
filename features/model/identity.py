"""What a model *is*, as opposed to what it is called: digests of everything that can change an activation."""

import hashlib
import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from unsinter.features.model.offloaded import brought_in
from unsinter.features.model.rope_lengths import rope_lengths

HOOK_SITE = "block_output_pre_norm"

# Fields that say where a model came from or which library wrote it; the compute dtype and the attention
# implementation do matter and stand in the identity under names of their own.
_VOLATILE = {"_name_or_path", "_commit_hash", "transformers_version", "dtype", "torch_dtype"}


def weights_digest(model: nn.Module, *, skip: Collection[str] = ()) -> str:
    """Return the SHA-256 over names, dtypes, shapes and bytes of the state, less the names in ``skip``.

    Tensors are digested in threads (hashing releases the interpreter lock); tied ones only once. Those that
    are offloaded are read one by one, so that the digest is that of the same model held whole in memory.

    Raises
    ------
    ModelError : an offloaded tensor cannot be read.
    """
    state = {name: value for name, value in model.state_dict().items() if name not in skip}
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    keys = {name: name if value.is_meta else _storage_key(value) for name, value in tensors.items()}
    by_storage = {key: name for name, key in keys.items()}

    def line(name: str) -> str:
        value = brought_in(model, name) if tensors[name].is_meta else tensors[name]
        return f"{value.dtype} {tuple(value.shape)} {_tensor_digest(value)}"

    with ThreadPoolExecutor(max_workers=8) as pool:
        lines = dict(zip(by_storage, pool.map(line, by_storage.values()), strict=True))
    total = hashlib.sha256()
    for name in sorted(state):
        text = repr(state[name]) if name not in tensors else lines[keys[name]]
        total.update(f"{name} {text}\n".encode())
    return total.hexdigest()


def config_digest(config: PreTrainedConfig) -> str:
    """Return the SHA-256 of the config as canonical JSON, without names, paths and library versions."""
    return _json_digest(_without_volatile(config.to_dict()))


def tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the SHA-256 of all that decides how text becomes token ids (the chat template is apart)."""
    specials = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        content = json.loads(backend.to_str())
        # Padding and truncation are settings of the last call, not of the tokenizer.
        content = {name: value for name, value in content.items() if name not in ("padding", "truncation")}
    else:
        content = {"class": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab()}
        content["merges"] = [list(pair) for pair in getattr(tokenizer, "bpe_ranks", {})]
    return _json_digest({"content": content, "specials": specials})


def text_identity(tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """Return the part of the identity that needs no weights: how text becomes token ids."""
    template = tokenizer.chat_template
    return {
        "tokenizer": tokenizer_digest(tokenizer),
        "chat_template": "" if template is None else _json_digest(template),
    }


def model_identity(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    *,
    skip: Collection[str] = (),
    weights: str | None = None,
    loading: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the identity under which activations are cached; neither names nor paths are in it.

    ``weights`` is the digest of the weights where it is known already, ``loading`` what was named of devices,
    quantisation and adapter.
    """
    return {
        "weights": weights or weights_digest(model, skip=skip),
        "config": config_digest(model.config),
        **text_identity(tokenizer),
        "dtype": str(model.dtype).removeprefix("torch."),
        "attention": str(getattr(model.config, "_attn_implementation", None)),
        "hook_site": HOOK_SITE,
        # Only where it matters: such rows were once read in batches that changed them.
        **({"rope_tables": "of each row's own length"} if rope_lengths(model).matters else {}),
        **(loading or {}),
    }


def short_digest(identity: Mapping[str, str]) -> str:
    """Return eight letters of the digest of an identity, as names of files hold it."""
    return _json_digest(dict(identity))[:8]


def _storage_key(value: Tensor) -> tuple[Any, ...]:
    return value.data_ptr(), value.dtype, tuple(value.shape), tuple(value.stride())


def _tensor_digest(value: Tensor) -> str:
    flat = value.detach().to("cpu").contiguous().reshape(-1)
    raw = flat.view(torch.uint8).numpy() if flat.numel() else np.empty(0, np.uint8)
    return hashlib.sha256(raw.data).hexdigest()


def _without_volatile(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_volatile(item) for name, item in value.items() if name not in _VOLATILE}
    if isinstance(value, list | tuple):
        return [_without_volatile(item) for item in value]
    return value


def _json_digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
