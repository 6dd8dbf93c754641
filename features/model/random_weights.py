"""The same architecture with weights that learned nothing: what a probe reads off wiring and tokens alone."""

import copy
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedModel

from unsinter.features.model.devices import is_spread
from unsinter.features.model.folder import ModelError
from unsinter.features.model.load_options import quantization_of
from unsinter.features.model.model import ChatModel, wrap_model


def randomising_fault(model: ChatModel) -> str | None:
    """Return why no such model can be made of this one, in words; None where it can."""
    if (bits := quantization_of(model.identity)) is not None:
        return (
            f"The control with random weights: {model.name} is read in {bits.replace('bit', ' bits')}, and "
            "weights drawn at random are not quantised."
        )
    if "disk" in getattr(model.model, "hf_device_map", {}).values():
        return (
            f"The control with random weights: parts of {model.name} are kept on disk, and weights drawn at "
            "random would have to fit in memory."
        )
    return None


def randomise_weights(model: ChatModel, *, seed: int) -> ChatModel:
    """Return a model of the same architecture, tokenizer, dtype and devices with freshly drawn weights.

    Weights are drawn as the library draws them before training, from ``seed`` and from no other state; the
    given model and torch's own generator are left as they are. Its identity has another digest of weights,
    so the cache holds its activations apart. Weights are drawn on the CPU: a seed is one model on any device.

    Raises
    ------
    ModelError : the model is quantised, or partly on disk.
    """
    if (fault := randomising_fault(model)) is not None:
        raise ModelError(fault)
    kind = type(model.model)
    config = copy.deepcopy(model.model.config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh: PreTrainedModel = kind._from_config(  # type: ignore[no-untyped-call]
            config, dtype=model.model.dtype, attn_implementation=model.model.config._attn_implementation
        )
    if is_spread(model.model):
        fresh = _spread_alike(fresh, model.model)
    else:
        fresh.to(model.device)  # type: ignore[arg-type]
    drawn = wrap_model(fresh, model.tokenizer, name=f"{model.name}-random-{seed}")
    named = {
        part: model.identity[part] for part in ("device", "device_map", "code") if part in model.identity
    }
    return replace(drawn, identity={**drawn.identity, **named})


def _spread_alike(fresh: PreTrainedModel, model: Any) -> PreTrainedModel:
    from accelerate import dispatch_model

    spread: PreTrainedModel = dispatch_model(
        fresh, device_map=model.hf_device_map, skip_keys=model._skip_keys_device_placement
    )
    return spread
