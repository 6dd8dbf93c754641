"""What can be read as it stands: an ordinary model with all its weights in memory, as plain numbers."""

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from unsinter.features.model.folder import ModelError
from unsinter.features.model.offloaded import blind_hooks, has_hooks, is_within_reach

_INNER = {
    "_orig_mod": ("compiled with torch.compile", "model._orig_mod"),
    "module": ("wrapped for training on several devices", "model.module"),
    "_fsdp_wrapped_module": ("sharded over devices", "the model as it was before FSDP"),
}
"""Attribute under which a wrapper keeps the model -> what the wrapper does, what to give instead."""

MOST_BLOCKS = 2_000
"""Blocks of a model; the deepest that people train have a few hundred."""

_DEQUANTISED = {"mxfp4"}
"""Methods that the library undoes while it loads, where it cannot compute with them."""

_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_model(model: object, *, name: str, is_quantised_here: bool = False) -> None:
    """Raise ModelError, saying what to give instead, unless all weights of ``model`` can be read as numbers.

    ``is_quantised_here`` says that its weights were quantised just now, in a way that is known.
    """
    _check_kind(model, name)
    assert isinstance(model, PreTrainedModel)
    _check_adapters(model, name)
    if not is_quantised_here:
        _check_quantised(model, name)
    _check_in_memory(model, name)


def check_tokenizer(tokenizer: object, *, name: str) -> None:
    """Raise ModelError unless ``tokenizer`` is a tokenizer; a processor's own is named."""
    if isinstance(tokenizer, PreTrainedTokenizerBase):
        if isinstance(longest := tokenizer.model_max_length, int | float) and longest > 0:
            return
        raise ModelError(
            f"{name}: tokenizer_config.json, model_max_length: {str(longest)[:40]!a} is no length; give a "
            "whole number or leave it out."
        )
    inner = isinstance(getattr(tokenizer, "tokenizer", None), PreTrainedTokenizerBase)
    advice = "give its tokenizer (processor.tokenizer)" if inner else "give the model's tokenizer"
    raise ModelError(f"{name}: {type(tokenizer).__name__} is no tokenizer of transformers; {advice}.")


def check_config(config: Any, *, name: str) -> None:
    """Raise ModelError for the config of a quantised model, before its weights are read."""
    _check_shape(config, name)
    texts = [config, getattr(config, "text_config", None)]
    method = next((named for part in texts if (named := _method(part)) is not None), None)
    if method is not None and method not in _DEQUANTISED:
        raise ModelError(_quantised(name, method))


def _check_shape(config: Any, name: str) -> None:
    """Refuse a config of a few bytes that would be built for hours, or whose names are none."""
    named = config.architectures
    if named is not None and not (isinstance(named, list) and all(isinstance(item, str) for item in named)):
        raise ModelError(f"{name}: config.json, architectures: {str(named)[:80]!a} is no list of names.")
    n_blocks = getattr(config.get_text_config(), "num_hidden_layers", None)
    if isinstance(n_blocks, int) and n_blocks > MOST_BLOCKS:
        raise ModelError(
            f"{name}: config.json names {n_blocks:,} blocks, and at most {MOST_BLOCKS:,} are read."
        )


def _check_kind(model: object, name: str) -> None:
    kind = type(model).__name__
    if _is_peft(model):
        raise ModelError(
            f"{name}: {kind} holds adapters beside its weights; give model.merge_and_unload(), whose weights "
            "are what it computes."
        )
    if isinstance(model, PreTrainedModel):
        _check_parts(model, name)
        return
    for attribute, (what, instead) in _INNER.items():
        if isinstance(model, nn.Module) and isinstance(getattr(model, attribute, None), nn.Module):
            raise ModelError(f"{name}: {kind} is a model {what}; give {instead}.")
    if isinstance(getattr(model, "model", None), nn.Module):
        raise ModelError(f"{name}: {kind} is no model of transformers; give the one inside it (its .model).")
    raise ModelError(
        f"{name}: {kind} is no model of transformers; give a PreTrainedModel, or a folder to load_model."
    )


def _check_parts(model: PreTrainedModel, name: str) -> None:
    """Refuse wrappers inside a model: hooks do not see into compiled code, and names of weights change."""
    for path, part in model.named_modules():
        if getattr(part, "_compiled_call_impl", None) is not None or hasattr(part, "_orig_mod"):
            raise ModelError(
                f"{name}: {path or type(part).__name__} is compiled with torch.compile; give the model as it "
                "was before."
            )
        if isinstance(part, nn.DataParallel | nn.parallel.DistributedDataParallel):
            raise ModelError(
                f"{name}: {path} is wrapped in {type(part).__name__}; put its .module in its place."
            )


def _is_peft(model: object) -> bool:
    own = {kind.__module__.split(".")[0] for kind in type(model).__mro__}
    return "peft" in own or hasattr(model, "merge_and_unload")


def _check_adapters(model: PreTrainedModel, name: str) -> None:
    """Refuse adapters inside the model: which one is on, and how strongly, is in no weight."""
    adapter = next((path for path, part in model.named_modules() if hasattr(part, "lora_A")), None)
    if adapter is not None or getattr(model, "_hf_peft_config_loaded", False):
        where = f" (such as at {adapter})" if adapter else ""
        raise ModelError(
            f"{name}: it holds adapters{where} that are not merged; merge them into its weights "
            "(merge_and_unload of peft), save it and read that."
        )


def _check_quantised(model: PreTrainedModel, name: str) -> None:
    """Refuse weights that stand for other numbers than they hold."""
    if getattr(model, "is_quantized", False) or getattr(model, "hf_quantizer", None) is not None:
        quantizer = getattr(model, "hf_quantizer", None)
        method = _method(model.config) or _method(quantizer) or type(quantizer).__name__
        raise ModelError(_quantised(name, method))
    for path, value in model.named_parameters():
        if value.dtype not in _REAL:
            raise ModelError(_quantised(name, f"{path} is {str(value.dtype).removeprefix('torch.')}"))
        if type(value.data) is not torch.Tensor and not value.is_meta:
            raise ModelError(_special(name, path, value.data))
    for path, part in model.named_modules():
        if ".quantized" in type(part).__module__:
            raise ModelError(_quantised(name, f"{path} is a {type(part).__module__} layer"))


def _special(name: str, path: str, value: torch.Tensor) -> str:
    if "DTensor" in type(value).__name__:
        return f"{name}: its weights are sharded over processes ({path}); load it whole in one process."
    return _quantised(name, f"{path} is a {type(value).__name__}")


def _check_in_memory(model: PreTrainedModel, name: str) -> None:
    """Refuse weights that are not there, and of which no hook of accelerate says where they are.

    Those that a hook brings in from a place it names are read there: what is digested is what is computed
    with.
    """
    placed: Any = getattr(model, "hf_device_map", None)
    places = {str(place) for place in placed.values()} if isinstance(placed, Mapping) else set()
    absent = [path for path, value in _tensors(model) if value.is_meta and not is_within_reach(model, path)]
    away = [] if has_hooks(model) else _away(places)
    hooked = blind_hooks(model)
    if not absent and not away and not hooked:
        return
    if away or hooked or places:
        where = f" to {', '.join(_away(places))}" if _away(places) else ""
        example = next(iter(absent or hooked), "a block")
        raise ModelError(
            f"{name}: some of its weights are offloaded{where} (such as {example}), so they cannot "
            "be read; load it whole, without device_map or offload_folder, on a device with room; or put "
            "what shares weights with another part (such as lm_head) where that part is."
        )
    raise ModelError(
        f"{name}: {len(absent)} of its tensors are on the meta device (such as {absent[0]}), which holds no "
        "numbers; load its weights (from_pretrained, or to_empty and load_state_dict)."
    )


def _away(places: Collection[str]) -> list[str]:
    """Return the places, of those in a map, from which weights are brought in for use."""
    return sorted({"disk", "meta"} & set(places)) or (["cpu"] if "cpu" in places and len(places) > 1 else [])


def _tensors(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]


def _method(holder: object) -> str | None:
    """Return how a config, or what carries one, says that weights are quantised; None if it does not."""
    config: Any = getattr(holder, "quantization_config", None)
    if config is None:
        return None
    method = (
        config.get("quant_method") if isinstance(config, Mapping) else getattr(config, "quant_method", None)
    )
    return str(getattr(method, "value", method) or "an unnamed method")


def _quantised(name: str, how: str) -> str:
    return (
        f"{name}: its weights are quantised ({how}), so the numbers they stand for are not those stored; "
        "give the model it was made from, in float32, bfloat16 or float16 (and, to read it in fewer bits, "
        "quantization: 8bit or 4bit)."
    )


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep the library's progress bars out of our output, and give them back afterwards."""
    had_bars, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of sizes that the readers refuse right after
            yield
    finally:
        transformers_logging.set_verbosity(level)
        if had_bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
