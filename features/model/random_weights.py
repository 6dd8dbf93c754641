"""The same architecture with weights that learned nothing: what a probe reads off wiring and tokens alone."""

import copy

import torch
from transformers import PreTrainedModel

from unsinter.features.model.model import ChatModel, wrap_model


def randomise_weights(model: ChatModel, *, seed: int) -> ChatModel:
    """Return a model of the same architecture, tokenizer, dtype and device with freshly drawn weights.

    Weights are drawn as the library draws them before training, from ``seed`` and from no other state; the
    given model and torch's own generator are left as they are. Its identity has another digest of weights,
    so the cache holds its activations apart. Weights are drawn on the CPU: a seed is one model on any device.
    """
    kind = type(model.model)
    config = copy.deepcopy(model.model.config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh: PreTrainedModel = kind._from_config(  # type: ignore[no-untyped-call]
            config, dtype=model.model.dtype, attn_implementation=model.model.config._attn_implementation
        )
    fresh.to(model.device)  # type: ignore[arg-type]
    return wrap_model(fresh, model.tokenizer, name=f"{model.name}-random-{seed}")
