"""Proof, on one short batch, that hooks on a list of blocks read the residual stream."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from unsinter.cache.errors import UnsinterError
from unsinter.features.model.devices import main_device
from unsinter.features.model.hooks import block_input, block_output, read_stream


class UnknownArchitectureError(UnsinterError, ValueError):
    """The model's residual stream could not be located with certainty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockStack:
    """A verified list of blocks and how to run it."""

    backbone: PreTrainedModel
    """The smallest model that embeds tokens and runs the blocks; it has no language-model head."""

    blocks: tuple[nn.Module, ...]
    path: str
    """Where the list of blocks stands inside the loaded model."""

    d_model: int
    options: Mapping[str, Any]
    """Keyword arguments of the backbone's forward that were found to leave every value unchanged."""

    is_causal: bool
    """Whether a token's stream is independent of the tokens after it."""


@dataclass(slots=True)
class _Trace:
    """What one full forward pass showed: block inputs, last block output, modules run after it."""

    order: list[int] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    last: Tensor | None = None
    after: list[tuple[Tensor, Tensor]] = field(default_factory=list)


def verify_stack(path: str, backbone: PreTrainedModel, blocks: tuple[nn.Module, ...]) -> BlockStack:
    """Prove on one short batch that hooks on ``blocks`` read the stream, and how to run the backbone."""
    ids, mask = _probe_batch(backbone)
    in_8_bits = bool(getattr(backbone, "is_loaded_in_8bit", False))
    batch = {"input_ids": ids, "attention_mask": mask}
    try:
        with torch.inference_mode():
            trace, hidden = _reference(backbone, blocks, batch)
            _check_against_hidden_states(trace, hidden, n_layers=len(blocks))
            assert trace.last is not None
            truth = [*trace.inputs, trace.last]
            options = _harmless_options(backbone, blocks, batch, truth)
            changed = ids.clone()
            changed[0, -1] = ids[0, 0]
            seen = _read_all(backbone, blocks, {**batch, "input_ids": changed}, options)
    except UnknownArchitectureError:
        raise
    except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as error:
        first_line = str(error).splitlines()[0] if str(error) else ""
        raise UnknownArchitectureError(
            f"a short forward pass failed with {type(error).__name__}: {first_line}"
        ) from error
    return BlockStack(
        backbone=backbone,
        blocks=blocks,
        path=path,
        d_model=truth[0].shape[-1],
        options=options,
        is_causal=_nearly_same(seen[-1][0, :-1], truth[-1][0, :-1], in_8_bits=in_8_bits),
    )


def _probe_batch(backbone: PreTrainedModel) -> tuple[Tensor, Tensor]:
    """Make token ids and mask (2, 9); the second row is padded on the right by three tokens."""
    embedding = backbone.get_input_embeddings()
    n_tokens = getattr(embedding, "num_embeddings", None) or backbone.config.get_text_config().vocab_size
    usable = torch.arange(n_tokens)
    for name in ("pad_token_id", "eos_token_id", "bos_token_id"):
        special = getattr(backbone.config.get_text_config(), name, None)
        usable = usable[usable != special] if isinstance(special, int) else usable
    generator = torch.Generator().manual_seed(0)
    picked = usable[torch.randperm(len(usable), generator=generator)[:18] % len(usable)]
    ids = picked.repeat(18)[:18].reshape(2, 9).to(main_device(backbone))
    mask = torch.ones_like(ids)
    mask[1, -3:] = 0
    return ids, mask


def _reference(
    backbone: PreTrainedModel, blocks: Sequence[nn.Module], batch: Mapping[str, Tensor]
) -> tuple[_Trace, Sequence[Tensor]]:
    """Run the backbone as its authors meant it, with ``output_hidden_states``, and record what hooks see."""
    trace = _Trace()

    def on_block(index: int) -> Callable[..., None]:
        def hook(_module: nn.Module, args: Any, kwargs: Any) -> None:
            trace.order.append(index)
            trace.inputs.append(block_input(args, kwargs).clone())

        return hook

    def on_last(_module: nn.Module, _args: Any, output: object) -> None:
        trace.last = block_output(output).clone()

    def on_other(_module: nn.Module, args: Any, output: object) -> None:
        if trace.last is not None and args and isinstance(args[0], Tensor) and isinstance(output, Tensor):
            trace.after.append((args[0].clone(), output.clone()))

    inner = {id(module) for block in blocks for module in block.modules()}
    handles = [m.register_forward_hook(on_other) for m in backbone.modules() if id(m) not in inner]
    handles += [b.register_forward_pre_hook(on_block(i), with_kwargs=True) for i, b in enumerate(blocks)]
    handles.append(blocks[-1].register_forward_hook(on_last))
    try:
        output = backbone(**batch, output_hidden_states=True, return_dict=True)
    finally:
        for handle in handles:
            handle.remove()
    hidden = getattr(output, "hidden_states", None)
    if not hidden:
        raise UnknownArchitectureError("it returns no hidden_states to verify against")
    return trace, hidden


def _check_against_hidden_states(trace: _Trace, hidden: Sequence[Tensor], *, n_layers: int) -> None:
    """Raise UnknownArchitectureError unless block inputs are hidden_states and only a final norm follows."""
    if trace.order != list(range(n_layers)) or trace.last is None:
        raise UnknownArchitectureError(f"its blocks ran in the order {trace.order}, not once each")
    if len(hidden) != n_layers + 1:
        raise UnknownArchitectureError(f"it returned {len(hidden)} hidden states, not {n_layers + 1}")
    shapes = {tuple(t.shape) for t in (*trace.inputs, trace.last)}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise UnknownArchitectureError(
            f"the tensors between its blocks have shapes {sorted(shapes)}, not one vector per token of one "
            "width"
        )
    for layer, (mine, theirs) in enumerate(zip(trace.inputs, hidden, strict=False)):
        if not _same(mine, theirs):
            raise UnknownArchitectureError(f"the input of block {layer + 1} is not hidden_states[{layer}]")
    reached = [trace.last]
    for source, result in trace.after:
        if any(_same(source, known) for known in reached):
            reached.append(result)
    if not any(_same(hidden[-1], known) for known in reached):
        raise UnknownArchitectureError(
            "the last hidden state is neither the last block's output nor its norm"
        )


def _harmless_options(
    backbone: PreTrainedModel,
    blocks: Sequence[nn.Module],
    batch: Mapping[str, Tensor],
    truth: Sequence[Tensor],
) -> dict[str, Any]:
    """Return {"use_cache": False} where that leaves every value unchanged, {} where it must not be touched.

    Layers that share keys and values may need the cache, and some models drop positions when no hidden
    states are asked for; both would show here as a difference.
    """
    parameters = inspect.signature(backbone.forward).parameters
    tries: list[dict[str, Any]] = [{"use_cache": False}] if "use_cache" in parameters else []
    config = backbone.config.get_text_config()
    if getattr(config, "num_kv_shared_layers", 0):
        tries = []
    for options in [*tries, {}]:
        seen = _read_all(backbone, blocks, batch, options)
        if len(seen) == len(truth) and all(_same(a, b) for a, b in zip(seen, truth, strict=True)):
            return options
    raise UnknownArchitectureError(
        "its stream differs between a plain pass and one with output_hidden_states"
    )


def _read_all(
    backbone: PreTrainedModel,
    blocks: Sequence[nn.Module],
    batch: Mapping[str, Tensor],
    options: Mapping[str, Any],
) -> list[Tensor]:
    """Return copies of the stream at layers 0..L, read exactly as extraction reads it."""
    seen: list[Tensor] = []
    with read_stream(blocks, range(len(blocks) + 1), take=lambda _layer, stream: seen.append(stream.clone())):
        backbone(**batch, **options)
    return seen


def _nearly_same(a: Tensor, b: Tensor, *, in_8_bits: bool) -> bool:
    """Whether two tensors agree but for rounding, which experts that take tokens in groups may bring in.

    So may layers in 8 bits: a column that is an outlier at one token is computed otherwise at all.
    """
    tolerance = 1e-4 if b.dtype == torch.float32 and not in_8_bits else 5e-2
    return bool((a.float() - b.float()).norm() <= tolerance * b.float().norm())


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors agree bit for bit, non-finite values included."""
    return a.shape == b.shape and bool(torch.allclose(a, b.to(a.device), rtol=0, atol=0, equal_nan=True))
