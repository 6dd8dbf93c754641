"""The keys and values of what all prompts begin with, computed once for all of them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt

logger = logging.getLogger(__name__)

FEWEST_TOKENS = 8
"""Tokens of the shortest prefix that is worth a pass of its own."""

FEWEST_ROWS = 16
"""Prompts that share it at least: to see that it changes nothing costs some answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPrefix:
    """What a model keeps of the tokens that every prompt begins with.

    Attributes
    ----------
    token_ids : the tokens.
    layers : per layer its keys and its values, each (1, n_heads, n_tokens, d_head).
    """

    token_ids: tuple[int, ...]
    layers: tuple[tuple[Tensor, Tensor], ...]

    def cache(self, n_padding: Sequence[int]) -> DynamicCache:
        """Return the cache of a batch whose rows are padded on the left by ``n_padding`` tokens (n_rows,).

        It covers the first ``len(token_ids)`` columns of the batch: what stands there is padding, then as
        much of the prefix as fits. What a cell of padding holds does not matter, as the mask leaves it out.
        """
        cache = DynamicCache()
        for number, (keys, values) in enumerate(self.layers):
            cache.update(_shifted(keys, n_padding), _shifted(values, n_padding), number)
        return cache


def common_prefix(rows: Sequence[RenderedPrompt]) -> tuple[int, ...]:
    """Return the tokens that all rows begin with, less the last one of the shortest row."""
    if not rows:
        return ()
    first, last = min(row.token_ids for row in rows), max(row.token_ids for row in rows)
    shortest = min(len(row.token_ids) for row in rows)
    pairs = zip(first[: shortest - 1], last, strict=False)
    n = next((place for place, (a, b) in enumerate(pairs) if a != b), shortest - 1)
    return first[:n]


def read_prefix(model: ChatModel, rows: Sequence[RenderedPrompt]) -> SharedPrefix | None:
    """Return what the model keeps of the tokens that all rows begin with; None where that is no gain.

    A model that keeps more of a text than keys and values of every token, such as a state, shares nothing.
    """
    ids = common_prefix(rows)
    return read_tokens(model, ids) if is_worth_sharing(ids, len(rows)) else None


def is_worth_sharing(token_ids: Sequence[int], n_rows: int) -> bool:
    """Whether so many rows that begin with these tokens are read faster when they are read once."""
    return n_rows >= FEWEST_ROWS and len(token_ids) >= FEWEST_TOKENS


def read_tokens(model: ChatModel, ids: tuple[int, ...]) -> SharedPrefix | None:
    """Return what the model keeps of these tokens; None where that is more than keys and values of each."""
    cache = DynamicCache()
    try:
        with torch.inference_mode():
            output = model.backbone(
                input_ids=torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True
            )
    except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as error:
        logger.info("%s: no prefix is shared (%s)", model.name, error)
        return None
    layers = [_keys_and_values(layer) for layer in cache.layers]
    kept = tuple(layer for layer in layers if layer is not None and layer[0].shape[::2] == (1, len(ids)))
    if getattr(output, "past_key_values", None) is not cache or not kept or len(kept) < len(layers):
        return None
    return SharedPrefix(token_ids=ids, layers=kept)


def _keys_and_values(layer: object) -> tuple[Tensor, Tensor] | None:
    """Return what a layer of a cache holds; None where it is of another kind, or holds nothing."""
    if type(layer) is not DynamicLayer or layer.keys is None or layer.values is None:
        return None
    return layer.keys, layer.values


def settled_prefix(
    model: ChatModel, rows: Sequence[RenderedPrompt], *, is_same: Callable[[SharedPrefix], bool]
) -> SharedPrefix | None:
    """Return the prefix of the rows where answers with it were shown to be those without; else None."""
    prefix = read_prefix(model, rows)
    if prefix is None:
        return None
    try:
        if is_same(prefix):
            return prefix
    except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as error:
        logger.info("%s: no prefix is shared (%s)", model.name, error)
        return None
    logger.info("%s: no prefix is shared: answers with it are other ones", model.name)
    return None


def _shifted(tensor: Tensor, n_padding: Sequence[int]) -> Tensor:
    """Return (n_rows, n_heads, n_tokens, d_head): the tensor's one row, moved right by each padding."""
    n_tokens = tensor.shape[2]
    shifted = tensor.new_zeros((len(n_padding), *tensor.shape[1:]))
    for row, n in enumerate(n_padding):
        if n < n_tokens:
            shifted[row, :, n:] = tensor[0, :, : n_tokens - n]
    return shifted
