"""Computing one shard of activations: batches under the budget, halved when memory runs out, all checked."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unsinter.cache import ActivationStore
from unsinter.cache.errors import UnsinterError
from unsinter.features.extract.forward import StreamReader
from unsinter.features.extract.selfcheck import Deviation, self_check
from unsinter.features.rendering.batches import plan_batches
from unsinter.features.rendering.position_names import window_of
from unsinter.features.rendering.positions import resolve_position
from unsinter.features.rendering.rendering import RenderedPrompt

logger = logging.getLogger(__name__)


class ExtractionError(UnsinterError, ValueError):
    """A row cannot be extracted, or an activation is not a finite number."""


@dataclass(slots=True, kw_only=True)
class ShardProducer:
    """One extraction under way; ``produce`` is what a store calls for each shard that it lacks."""

    reader: StreamReader
    rows: Mapping[str, RenderedPrompt]
    budget: int
    progress: Callable[[int, int], None] | None
    n_wanted: int
    """Rows that are to be computed, as far as is known before; of use to ``progress`` alone."""

    deviation: Deviation | None = None
    done: set[str] = field(default_factory=set)
    n_tokens: int = 0
    n_halvings: int = 0

    def produce(
        self, keys: Sequence[str], layers: Sequence[int], positions: Sequence[str]
    ) -> dict[int, NDArray[Any]]:
        """Return {layer: (n_rows, n_positions, d_model)} in the model's dtype (bfloat16 as uint16 bits)."""
        rows = [self.rows[key] for key in keys]
        spans = [[resolve_position(name, row) for name in positions] for row in rows]
        if self.deviation is None:
            self._check(layers, positions)
        model = self.reader.model
        values = torch.empty(
            (len(layers), len(rows), len(positions), model.d_model), dtype=getattr(torch, model.dtype)
        )
        first = 0
        while first < len(rows):
            lengths = [len(row.token_ids) for row in rows[first:]]
            _, n = next(plan_batches(lengths, token_budget=self.budget))
            if not self.reader.padded:
                n = len(list(takewhile(lengths[0].__eq__, lengths[:n])))
            part = self._read(rows[first : first + n], spans[first : first + n], layers, positions)
            if part is None:
                continue
            values[:, first : first + n] = part
            self.done.update(keys[first : first + n])
            self.n_tokens += sum(lengths[:n])
            first += n
            if self.progress is not None:
                self.progress(len(self.done), max(self.n_wanted, len(self.done)))
        return {layer: _as_numpy(values[index]) for index, layer in enumerate(layers)}

    def _check(self, layers: Sequence[int], positions: Sequence[str]) -> None:
        """Run the self-check over rows of all lengths, or over the shorter ones where memory runs out."""
        rows = sorted(self.rows.values(), key=lambda row: (len(row.token_ids), row.key))
        while self.deviation is None:
            spans = [[resolve_position(name, row) for name in positions] for row in rows]
            try:
                self.reader, self.deviation = self_check(
                    self.reader, rows, spans, layers=layers, windows=[window_of(name) for name in positions]
                )
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise
                _raise_if_alone(rows, error)
                rows = rows[: len(rows) // 2]
                self.n_halvings += 1

    def _read(
        self,
        rows: Sequence[RenderedPrompt],
        spans: Sequence[Sequence[tuple[int, int]]],
        layers: Sequence[int],
        positions: Sequence[str],
    ) -> torch.Tensor | None:
        """Read one batch and check it; None, with the budget halved, where memory ran out."""
        try:
            windows = [window_of(name) for name in positions]
            part = self.reader.read(rows, spans, layers=layers, windows=windows)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            _raise_if_alone(rows, error)
            self._halve(rows)
            return None
        finite = part.isfinite().all(dim=-1)
        if not bool(finite.all()):
            layer, row, position = (int(i) for i in (~finite).nonzero()[0])
            raise ExtractionError(
                f"prompt {rows[row].id!r}: the activation at layer {layers[layer]}, position "
                f"{positions[position]!r} holds NaN or inf in {self.reader.model.dtype}; load the model in "
                "its own "
                "dtype or in float32."
            )
        return part

    def _halve(self, rows: Sequence[RenderedPrompt]) -> None:
        padded = len(rows) * max(len(row.token_ids) for row in rows)
        self.budget = max(1, padded // 2)
        self.n_halvings += 1
        logger.warning("out of memory at %d padded tokens; going on with at most %d", padded, self.budget)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def n_missing(
    store: object, rows: Sequence[RenderedPrompt], layers: Sequence[int], positions: Sequence[str]
) -> int:
    """Return how many of the rows a store lacks at one site or more; all, where it keeps nothing on disk."""
    if not rows or not isinstance(store, ActivationStore):
        return len(rows)
    plans = store.missing([row.key for row in rows], layers=layers, positions=positions)
    return len({key for plan in plans for key in plan.rows})


def _raise_if_alone(rows: Sequence[RenderedPrompt], error: BaseException) -> None:
    """Raise ExtractionError where there is but one row left, which no smaller batch can help."""
    if len(rows) == 1:
        raise ExtractionError(
            f"prompt {rows[0].id!r} ({len(rows[0].token_ids)} tokens) does not fit in memory even alone."
        ) from error


def _is_out_of_memory(error: BaseException) -> bool:
    named = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return named or any(sign in str(error).lower() for sign in ("out of memory", "can't allocate memory"))


def _as_numpy(values: torch.Tensor) -> NDArray[Any]:
    if values.dtype == torch.bfloat16:
        return values.contiguous().view(torch.int16).numpy().view(np.uint16)
    return values.contiguous().numpy()
