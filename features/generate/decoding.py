"""The library's own generation, with every setting said."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from unsinter.features.extract.forward import pad_id
from unsinter.features.extract.shared_prefix import SharedPrefix
from unsinter.features.model.model import ChatModel
from unsinter.features.model.rope_lengths import forget_lengths
from unsinter.features.rendering.batches import make_batch
from unsinter.features.rendering.rendering import RenderedPrompt


class Decoding(Protocol):
    """How the next token is chosen, and how many; 0 as temperature is greedy."""

    @property
    def max_new_tokens(self) -> int: ...  # noqa: D102

    @property
    def samples(self) -> int: ...  # noqa: D102

    @property
    def temperature(self) -> float: ...  # noqa: D102


def end_ids(model: ChatModel) -> list[int]:
    """List every id that ends a response, as the model's own generation settings and tokenizer name them."""
    named = [getattr(model.model.generation_config, "eos_token_id", None), model.tokenizer.eos_token_id]
    flat = [n for value in named for n in (value if isinstance(value, list | tuple) else [value])]
    return sorted({n for n in flat if isinstance(n, int)})


def generate_ids(
    model: ChatModel,
    rows: Sequence[RenderedPrompt],
    config: Any,
    *,
    prefix: SharedPrefix | None = None,
    stops: Sequence[StoppingCriteria] = (),
) -> Any:
    """Run the library's own generation on rows padded on the left, which may go on from a shared prefix."""
    batch = make_batch(rows, pad_id=pad_id(model), padding_side="left")
    forget_lengths(model.backbone)
    starts = [start for start in batch.starts for _ in range(config.num_return_sequences or 1)]
    with torch.inference_mode():
        more: dict[str, Any] = {} if prefix is None else {"past_key_values": prefix.cache(starts)}
        if stops:
            more["stopping_criteria"] = StoppingCriteriaList(stops)
        return model.model.generate(  # type: ignore[operator]
            input_ids=batch.input_ids.to(model.device),
            attention_mask=batch.attention_mask.to(model.device),
            generation_config=config,
            **more,
        )


def generation_config(model: ChatModel, settings: Decoding, ends: Sequence[int]) -> Any:
    """Return settings that say everything, so that no sampling default of the model's own is inherited."""
    config = copy.deepcopy(model.model.generation_config)
    sampled = settings.temperature > 0
    neutral: Mapping[str, Any] = {
        "top_k": 0 if sampled else None,  # a greedy answer needs none, and the library warns of one
        "top_p": 1.0,
        "min_p": None,
        "typical_p": 1.0,
        "num_beams": 1,
        "repetition_penalty": 1.0,
        "no_repeat_ngram_size": 0,
        "max_length": None,
        "min_length": 0,
        "min_new_tokens": None,
        "suppress_tokens": None,
        "begin_suppress_tokens": None,
        "forced_bos_token_id": None,
        "forced_eos_token_id": None,
    }
    config.update(  # type: ignore[no-untyped-call]
        **neutral,
        max_new_tokens=settings.max_new_tokens,
        do_sample=sampled,
        temperature=settings.temperature if sampled else 1.0,
        num_return_sequences=settings.samples,
        eos_token_id=list(ends) or None,
        pad_token_id=pad_id(model),
        use_cache=True,
    )
    return config
