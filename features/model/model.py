"""Loading an open model so that its residual stream can be read with certainty."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from unsinter.cache.errors import is_fault
from unsinter.cache.location import expand_home
from unsinter.features.model.blocks import UnknownArchitectureError, locate_stack
from unsinter.features.model.folder import ModelError, check_folder
from unsinter.features.model.identity import model_identity
from unsinter.features.model.loadable import check_config, check_model, check_tokenizer, quiet_loading

logger = logging.getLogger(__name__)

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_HEADS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatModel:
    """A loaded model with its blocks found and verified."""

    name: str
    """What the user called it; never part of any key."""

    model: PreTrainedModel
    backbone: PreTrainedModel
    blocks: tuple[nn.Module, ...]
    tokenizer: PreTrainedTokenizerBase
    n_layers: int
    d_model: int
    device: torch.device
    dtype: str
    is_causal: bool
    can_generate: bool
    context: int | None
    """Most tokens the model takes in one row; None where it sets no limit."""

    options: Mapping[str, Any]
    """Keyword arguments to call the backbone with."""

    identity: Mapping[str, str]


def load_model(
    name_or_folder: str | Path,
    *,
    dtype: str = "auto",
    device: str = "auto",
    revision: str | None = None,
    chat_template: str | None = None,
) -> ChatModel:
    """Load a model and its tokenizer, find its blocks and verify that hooks on them read the stream.

    ``dtype`` is "auto" (as stored), "float32", "float16" or "bfloat16"; ``device`` is "auto" or a torch
    device; ``revision`` a commit, tag or branch of a hub id. ``chat_template`` takes the place of the
    tokenizer's own.

    Raises
    ------
    ModelError : something is missing or cannot be read.
    UnknownArchitectureError : the residual stream cannot be located with certainty.
    """
    if dtype != "auto" and dtype not in _DTYPES:
        raise ModelError(f"dtype must be auto, {', '.join(_DTYPES)}; got {dtype!r}.")
    name = str(expand_home(name_or_folder)) if str(name_or_folder).startswith("~") else str(name_or_folder)
    check_folder(name, revision=revision)
    of = revision or "main"
    with quiet_loading():
        config = _reading(
            name, "config", lambda: AutoConfig.from_pretrained(name, trust_remote_code=False, revision=of)
        )
        check_config(config, name=name)
        tokenizer = _reading(
            name,
            "tokenizer",
            lambda: AutoTokenizer.from_pretrained(name, trust_remote_code=False, revision=of),
        )
        model, missing = _load_weights(name, config, dtype, revision=of)
        check_model(model, name=name)
        check_tokenizer(tokenizer, name=name)
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    if model.dtype not in _DTYPES.values():
        raise ModelError(f"{name}: weights are {model.dtype}; pass dtype='float32', 'float16' or 'bfloat16'.")
    placed = _device(device)
    # Digested before it is placed: hashing reads every byte from the CPU's side.
    identity = model_identity(model, tokenizer, skip=missing)
    model.to(placed)  # type: ignore[arg-type]
    return _wrapped(model, tokenizer, name=Path(name).name, identity=identity, missing=missing)


def wrap_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, name: str) -> ChatModel:
    """Return a model that is in memory already, say with merged adapters, verified as by `load_model`.

    ``name`` is shown and is part of no key: the weights as they are now are digested. The model is put in
    evaluation mode.

    Raises
    ------
    ModelError : as `load_model`; also a model that is wrapped, quantised, offloaded or with loose adapters.
    UnknownArchitectureError : as `load_model`.
    """
    check_model(model, name=name)
    check_tokenizer(tokenizer, name=name)
    if model.dtype not in _DTYPES.values():
        raise ModelError(f"{name}: weights are {model.dtype}; convert to {', '.join(_DTYPES)}.")
    identity = model_identity(model, tokenizer, skip=frozenset())
    return _wrapped(model, tokenizer, name=name, identity=identity, missing=frozenset())


def _wrapped(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    name: str,
    identity: Mapping[str, str],
    missing: Collection[str],
) -> ChatModel:
    model.eval()  # type: ignore[no-untyped-call]
    stack = locate_stack(model)
    _check_missing(name, model, stack.backbone, missing)
    return ChatModel(
        name=name,
        model=model,
        backbone=stack.backbone,
        blocks=stack.blocks,
        tokenizer=tokenizer,
        n_layers=len(stack.blocks),
        d_model=stack.d_model,
        device=model.device,
        dtype=identity["dtype"],
        is_causal=stack.is_causal,
        can_generate=stack.is_causal and model.can_generate() and not missing,
        context=_context(stack.backbone, tokenizer),
        options=stack.options,
        identity=identity,
    )


def _reading(name: str, what: str, read: Any) -> Any:
    """Run one of the library's readers; whatever it raises becomes one line that names the model."""
    try:
        return read()
    except BaseException as error:  # the readers raise every kind, the parser's own among it
        if not is_fault(error):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = lines[0] if lines else type(error).__name__
        raise ModelError(f"{name}: its {what} cannot be read: {cause}") from error


def _load_weights(
    name: str, config: PreTrainedConfig, dtype: str, *, revision: str
) -> tuple[PreTrainedModel, frozenset[str]]:
    """Return the model on the CPU and the names of weights that its files lack."""
    auto = _auto_class(config)
    wanted = dtype if dtype == "auto" else _DTYPES[dtype]
    model, info = _reading(
        name,
        "weights",
        lambda: auto.from_pretrained(
            name, dtype=wanted, output_loading_info=True, trust_remote_code=False, revision=revision
        ),
    )
    return model, frozenset(info["missing_keys"])


def _auto_class(config: PreTrainedConfig) -> Any:
    """Return the loader that keeps the language-model head where the files hold one."""
    named = config.architectures or []
    has_head = any(name.endswith(_HEADS) for name in named)
    if not has_head or config.is_encoder_decoder:
        return AutoModel
    for auto in (AutoModelForCausalLM, AutoModelForImageTextToText):
        if type(config) in auto._model_mapping:
            return auto
    return AutoModel


def _check_missing(
    name: str, model: PreTrainedModel, backbone: PreTrainedModel, missing: Collection[str]
) -> None:
    """Raise ModelError if a weight that the files lack (so it is random) can reach the residual stream.

    An unused pooler or a language-model head may be missing; embeddings and blocks may not.
    """
    parts = {
        id(parameter)
        for path, part in backbone.named_children()
        if path != "pooler"
        for parameter in part.parameters()
    }
    lacking = [key for key, value in model.named_parameters() if key in missing and id(value) in parts]
    if lacking:
        raise ModelError(
            f"{name}: its weights lack {len(lacking)} tensors that the model needs, such as {lacking[0]!r}."
        )
    if missing:
        logger.info("%s: left out unused weights that its files lack: %s", name, ", ".join(sorted(missing)))


def _context(backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the most tokens a row may have, from the config, the position table and the tokenizer."""
    config = backbone.config.get_text_config()
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length")
    limits = [value for name in names if isinstance(value := getattr(config, name, None), int) and value > 0]
    for path, module in backbone.named_modules():
        # RoBERTa counts positions from the padding index on, so part of its table is never reached.
        if (
            isinstance(module, nn.Embedding)
            and path.endswith("position_embeddings")
            and module.padding_idx is not None
        ):
            limits.append(module.num_embeddings - module.padding_idx - 1)
    if tokenizer.model_max_length < 10**9:
        limits.append(int(tokenizer.model_max_length))
    return min(limits, default=None)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise ModelError("device 'meta' holds no numbers; name cpu, cuda or auto.")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device {name!r} cannot be used: {str(error).splitlines()[0]}") from error
    return device


__all__ = ["ChatModel", "ModelError", "UnknownArchitectureError", "load_model"]
