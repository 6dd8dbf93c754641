"""Filling the activation cache: which rows, in what order, in batches of what size."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from unsinter.cache.notebook_html import fact_table
from unsinter.features.extract.forward import make_reader, n_embeddings, rows_change_mates
from unsinter.features.extract.produce import ExtractionError, ShardProducer, n_missing
from unsinter.features.extract.refusals import check_positions, refuse_answers_in_8_bits
from unsinter.features.extract.selfcheck import Deviation
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt

logger = logging.getLogger(__name__)

# Padded tokens per batch. On a CPU larger batches only lose cache locality.
_CPU_BUDGET, _ACCELERATOR_BUDGET = 1024, 16384


class Store(Protocol):
    """What extraction needs of a cache; ``unsinter.cache.ActivationStore`` is one."""

    def fill(self, rows: Sequence[str], *, layers: Any, positions: Any, produce: Any, dtype: str) -> Any:
        """Compute and store what is missing."""

    def read(self, layer: int, position: str, rows: Sequence[str]) -> NDArray[np.float32]:
        """Return (n_rows, d_model) float32 in the asked order."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Extraction:
    """Where the activations of some rendered prompts stand, and how they got there."""

    store: Store
    ids: tuple[str, ...]
    """Prompts that were extracted, in the order rendered; dropped ones are left out."""

    keys: tuple[str, ...]
    layers: tuple[int, ...]
    positions: tuple[str, ...]
    dropped: tuple[str, ...]
    """Ids of prompts longer than the model's context."""

    deviation: Deviation | None
    """Batched against alone; None where everything was in the cache already."""

    n_computed: int
    n_reused: int
    """Distinct rows; both count a row once, however many prompts share it."""

    n_tokens: int
    """Real tokens that went through the model."""

    n_halvings: int
    """How often a batch was halved for want of memory."""

    seconds: float

    def __repr__(self) -> str:
        dropped = f", {len(self.dropped):,} dropped" if self.dropped else ""
        where = f"{_span(self.layers)}, positions {', '.join(self.positions)}"
        rows = f"{self.n_computed:,} rows computed, {self.n_reused:,} from the cache"
        return f"Extraction({len(self.ids):,} prompts{dropped}, {where}; {rows})"

    def activations(self, layer: int, position: str) -> NDArray[np.float32]:
        """Return (n_prompts, d_model) float32 in the order of ``ids``.

        Raises
        ------
        ExtractionError : the site was not extracted.
        """
        if layer not in self.layers or position not in self.positions:
            raise ExtractionError(
                f"layer {layer} at {position!r} was not extracted; layers {list(self.layers)} "
                f"at {list(self.positions)} were."
            )
        return self.store.read(layer, position, self.keys)

    def _repr_html_(self) -> str:
        deviation = self.deviation
        return fact_table(
            f"Activations of {len(self.ids):,} prompts",
            {
                "layers": ", ".join(map(str, self.layers)),
                "positions": ", ".join(self.positions),
                "rows computed": f"{self.n_computed:,}",
                "rows from the cache": f"{self.n_reused:,}",
                "left out as too long": ", ".join(self.dropped[:5])
                + (", ..." if len(self.dropped) > 5 else ""),
                "batched against alone": f"{deviation.max_relative:.1e} relative" if deviation else "",
                "seconds": f"{self.seconds:.1f}",
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionOptions:
    """How prompts are sent through a model; nothing of it changes an activation beyond rounding.

    Attributes
    ----------
    token_budget : padded tokens per batch; what suits the device unless named.
    on_too_long : ``error``, or ``drop`` what is longer than the model's context.
    progress : called with (rows done, rows that the store lacked).
    """

    token_budget: int | None = None
    on_too_long: Literal["error", "drop"] = "error"
    padding_side: Literal["right", "left"] = "right"
    progress: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        if self.on_too_long not in ("error", "drop") or self.padding_side not in ("right", "left"):
            raise ExtractionError(
                f"on_too_long must be error or drop and padding_side right or left; got "
                f"{self.on_too_long!r}, {self.padding_side!r}."
            )


class NamedOptions(TypedDict, total=False):
    """Fields of `ExtractionOptions` by name."""

    token_budget: int | None
    on_too_long: Literal["error", "drop"]
    padding_side: Literal["right", "left"]
    progress: Callable[[int, int], None] | None


def default_budget(model: ChatModel) -> int:
    """Return padded tokens per batch where the caller names none; one row's where rows change each other."""
    usual = _CPU_BUDGET if model.device.type == "cpu" else _ACCELERATOR_BUDGET
    return 1 if rows_change_mates(model) else usual


def extract(
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    store: Store,
    *,
    layers: Sequence[int] | Literal["all"],
    positions: Sequence[str],
    options: ExtractionOptions | None = None,
    **named: Unpack[NamedOptions],
) -> Extraction:
    """Fill ``store`` with the residual stream of every rendered prompt at the asked layers and positions.

    Layer 0 is the embedding output, l the output of block l before any final norm. Only what the store lacks
    is computed. Everything that can be refused is refused before the first forward pass, except non-finite
    activations. Fields of `ExtractionOptions` may be given by name too; they replace those of ``options``.

    Raises
    ------
    ExtractionError, PositionError, PaddingError : what is asked for cannot be had; says why.
    """
    how = replace(options or ExtractionOptions(), **named)
    asked_layers = _check_layers(model, layers)
    kept, dropped = _fitting(model, rendered, how.on_too_long)
    refuse_answers_in_8_bits(model, kept)
    asked_positions = check_positions(positions, kept)
    by_key = {row.key: row for row in kept}
    ordered = sorted(by_key.values(), key=lambda row: (len(row.token_ids), row.key))
    run = ShardProducer(
        reader=make_reader(model, padding_side=how.padding_side),
        rows=by_key,
        budget=how.token_budget or default_budget(model),
        progress=how.progress,
        n_wanted=n_missing(store, ordered, asked_layers, asked_positions) if how.progress else 0,
    )
    started = time.perf_counter()
    if ordered:
        store.fill(
            [row.key for row in ordered],
            layers=asked_layers,
            positions=asked_positions,
            produce=run.produce,
            dtype=model.dtype,
        )
    return Extraction(
        store=store,
        ids=tuple(row.id for row in kept),
        keys=tuple(row.key for row in kept),
        layers=asked_layers,
        positions=asked_positions,
        dropped=dropped,
        deviation=run.deviation,
        n_computed=len(run.done),
        n_reused=len(ordered) - len(run.done),
        n_tokens=run.n_tokens,
        n_halvings=run.n_halvings,
        seconds=time.perf_counter() - started,
    )


def _span(layers: Sequence[int]) -> str:
    """Return layers in a few words, as layers 0 to 30, or layers 4, 8, 12."""
    if len(layers) > 2 and list(layers) == list(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]} to {layers[-1]}"
    shown = ", ".join(map(str, layers[:8])) + (" and more" if len(layers) > 8 else "")
    return f"layer{'s' if len(layers) > 1 else ''} {shown}"


def _check_layers(model: ChatModel, layers: Sequence[int] | str) -> tuple[int, ...]:
    if layers == "all":
        return tuple(range(model.n_layers + 1))
    wanted = tuple(sorted({int(layer) for layer in layers}))
    absent = [layer for layer in wanted if not 0 <= layer <= model.n_layers]
    if not wanted or absent:
        fault = f"no layer {absent[0]}" if absent else "none is named"
        raise ExtractionError(
            f"layers {list(layers)}: {fault}; {model.name} has layers 0 (embedding) to {model.n_layers}."
        )
    return wanted


def _fitting(
    model: ChatModel, rendered: Sequence[RenderedPrompt], on_too_long: str
) -> tuple[list[RenderedPrompt], tuple[str, ...]]:
    """Return the rows that fit the context and the ids dropped; ExtractionError unless dropping is asked."""
    kept, dropped, n_known = [], [], n_embeddings(model)
    for row in rendered:
        if model.context is not None and len(row.token_ids) > model.context:
            if on_too_long == "error":
                raise ExtractionError(
                    f"prompt {row.id!r} has {len(row.token_ids)} tokens, {model.name} takes {model.context}; "
                    "shorten or remove it, or set on_too_long to drop."
                )
            dropped.append(row.id)
            continue
        if (largest := max(row.token_ids)) >= n_known:
            raise ExtractionError(
                f"prompt {row.id!r} has token id {largest}, {model.name} has vectors for {n_known}; "
                "the tokenizer is not this model's."
            )
        kept.append(row)
    if dropped:
        logger.warning("%d prompts longer than %s tokens were dropped", len(dropped), model.context)
    return kept, tuple(dropped)


__all__ = ["Extraction", "ExtractionError", "ExtractionOptions", "Store", "extract"]
