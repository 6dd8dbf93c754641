"""Loading an open model so that its residual stream can be read with certainty."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import nn
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from unsinter.cache.location import expand_home
from unsinter.features.model.adapter import check_adapter
from unsinter.features.model.blocks import UnknownArchitectureError, locate_stack
from unsinter.features.model.devices import check_device, check_machine, is_spread, main_device
from unsinter.features.model.digest_notes import noted_digest
from unsinter.features.model.folder import ModelError, check_folder
from unsinter.features.model.identity import model_identity, weights_digest
from unsinter.features.model.load_options import DTYPES, LoadOptions, NamedLoading, kinds
from unsinter.features.model.loadable import check_config, check_model, check_tokenizer, quiet_loading
from unsinter.features.model.own_code import code_digest, code_hint, own_code
from unsinter.features.model.weights import load_weights, reading, weights_stamps

logger = logging.getLogger(__name__)


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
    **named: Unpack[NamedLoading],
) -> ChatModel:
    """Load a model and its tokenizer, find its blocks and verify that hooks on them read the stream.

    ``dtype`` is "auto" (as stored), "float32", "float16" or "bfloat16"; ``device`` is "auto", "cpu", "mps",
    "cuda" or "cuda:N"; ``revision`` a commit, tag or branch of a hub id. ``chat_template`` takes the place of
    the tokenizer's own. Further fields of `LoadOptions` are given by name: ``device_map``, ``quantization``,
    ``attention``, ``adapter``, ``own_code``, ``notes``.

    Raises
    ------
    ModelError : something is missing or cannot be read, or this machine cannot do what is named.
    UnknownArchitectureError : the residual stream cannot be located with certainty.
    """
    options = LoadOptions(dtype=dtype, device=device, revision=revision, **named)
    check_machine(options)
    name = str(expand_home(name_or_folder)) if str(name_or_folder).startswith("~") else str(name_or_folder)
    check_folder(name, revision=revision)
    if options.adapter is not None:
        check_adapter(options.adapter)
    code = _digest_of_code(name) if options.own_code else {}
    of, place = revision or "main", check_device(device)
    stamps = partial(weights_stamps, name, options, place=place)
    before = stamps()
    with quiet_loading():
        config = reading(
            name,
            "config",
            lambda: AutoConfig.from_pretrained(name, trust_remote_code=options.own_code, revision=of),
            hint="" if options.own_code else code_hint(name),
        )
        check_config(config, name=name)
        tokenizer = reading(
            name,
            "tokenizer",
            lambda: AutoTokenizer.from_pretrained(name, trust_remote_code=options.own_code, revision=of),
        )
        loaded = load_weights(name, config, options, place=place)
        model, missing = loaded.model, loaded.missing
        check_model(model, name=name, is_quantised_here=options.quantization is not None)
        check_tokenizer(tokenizer, name=name)
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    if str(model.dtype).removeprefix("torch.") not in DTYPES:
        raise ModelError(f"{name}: weights are {model.dtype}; pass dtype='float32', 'float16' or 'bfloat16'.")
    # Digested before it is placed: hashing reads every byte from the CPU's side.
    weights = noted_digest(options.notes, stamps, before, lambda: weights_digest(model, skip=missing))
    identity = model_identity(model, tokenizer, weights=weights, loading={**loaded.loading, **code})
    if options.quantization is None and options.device_map is None:
        model.to(place)  # type: ignore[arg-type]
    return _wrapped(model, tokenizer, name=Path(name).name, identity=identity, missing=missing)


def _digest_of_code(name: str) -> dict[str, str]:
    """Say that a folder's code is about to run; return its part of the identity, of what it is before."""
    files = own_code(name)
    shown = ", ".join(file.name for file in files[:5]) + (", ..." if len(files) > 5 else "")
    logger.warning("%s: Python code of this folder runs: %s", name, shown)
    return {"code": code_digest(name, files)}


def wrap_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, name: str) -> ChatModel:
    """Return a model that is in memory already, say with merged adapters, verified as by `load_model`.

    ``name`` is shown and is part of no key: the weights as they are now are digested. The model is put in
    evaluation mode.

    Raises
    ------
    ModelError : as `load_model`; also a model that is wrapped, quantised, offloaded to where its weights
        cannot be read, or with loose adapters.
    UnknownArchitectureError : as `load_model`.
    """
    check_model(model, name=name)
    check_tokenizer(tokenizer, name=name)
    if str(model.dtype).removeprefix("torch.") not in DTYPES:
        raise ModelError(f"{name}: weights are {model.dtype}; convert to {', '.join(DTYPES)}.")
    placed: Any = getattr(model, "hf_device_map", {})
    loading = {"device_map": ", ".join(kinds(placed))} if is_spread(model) else {}
    identity = model_identity(model, tokenizer, loading=loading)
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
        device=main_device(model),
        dtype=identity["dtype"],
        is_causal=stack.is_causal,
        can_generate=stack.is_causal and model.can_generate() and not missing,
        context=_context(stack.backbone, tokenizer),
        options=stack.options,
        identity=identity,
    )


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


__all__ = ["ChatModel", "ModelError", "UnknownArchitectureError", "load_model"]
