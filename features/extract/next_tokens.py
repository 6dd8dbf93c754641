"""How likely given next tokens are behind prompts, as the model is and while its stream is changed."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.features.extract.extraction import default_budget
from unsinter.features.model.hooks import change_stream, read_stream, skip_blocks
from unsinter.features.model.model import ChatModel
from unsinter.features.model.rope_lengths import forget_lengths
from unsinter.features.rendering.batches import plan_batches
from unsinter.features.rendering.rendering import RenderedPrompt

Spot: TypeAlias = tuple[int, int]
"""(number of tokens behind the prompt, token id that may follow them)."""


class StreamChange(Protocol):
    """A change of the stream while a model reads; nothing of it outlives the pass."""

    @property
    def layers(self) -> Sequence[int]:
        """Layers at which the stream is changed."""

    def change(self, layer: int, stream: Tensor, rows: Sequence[RenderedPrompt]) -> Tensor:
        """Return the stream (n_rows, n_tokens, d_model) that takes the place of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTokens:
    """Reads how likely tokens are behind prompts; rows of one length alone share a batch, so none is padded.

    Attributes
    ----------
    token_budget : tokens of a batch; what suits the device unless named.
    """

    model: ChatModel
    token_budget: int | None = None
    progress: Callable[[int, int], None] | None = None

    def log_probs(
        self,
        rows: Sequence[RenderedPrompt],
        spots: Sequence[Spot],
        *,
        behind: tuple[int, ...] = (),
        changes: Sequence[StreamChange | None] = (None,),
    ) -> NDArray[np.float64]:
        """Return log-probabilities (n_changes, n_rows, n_spots), in nats.

        ``behind`` are the tokens put behind every prompt; a spot (k, id) asks for the token ``id`` after the
        first k of them. None among ``changes`` is the model as it is.
        """
        out = np.empty((len(changes), len(rows), len(spots)))
        done = 0
        for places in self._batches(rows, len(behind)):
            own = [extended(rows[place], behind) for place in places]
            for number, values in enumerate(self._changed(own, spots, len(behind), changes)):
                out[number, places] = values
            done += len(places)
            if self.progress is not None:
                self.progress(done, len(rows))
        return out

    def mean_stream(
        self,
        rows: Sequence[RenderedPrompt],
        places: Callable[[RenderedPrompt], NDArray[np.intp]],
        n_places: int,
        *,
        layers: Sequence[int],
        behind: tuple[int, ...] = (),
    ) -> tuple[dict[int, NDArray[np.float64]], NDArray[np.int_]]:
        """Return layer -> sums of the stream (n_places, d_model) over rows, and tokens (n_places,) in each.

        ``places`` names the place of each token of a row (n_tokens,).
        """
        sums = {layer: np.zeros((n_places, self.model.d_model)) for layer in layers}
        counts = np.zeros(n_places, dtype=np.int_)
        for batch in self._batches(rows, len(behind)):
            own = [extended(rows[place], behind) for place in batch]
            index = np.concatenate([places(row) for row in own])

            def take(layer: int, stream: Tensor, index: NDArray[np.intp] = index) -> None:
                flat = stream.reshape(-1, stream.shape[-1]).double().cpu().numpy()
                np.add.at(sums[layer], index, flat)

            np.add.at(counts, index, 1)
            with torch.inference_mode(), read_stream(self.model.blocks, layers, take=take):
                self._forget()
                self.model.backbone(**self._inputs(own), **self.model.options)
        return sums, counts

    def _batches(self, rows: Sequence[RenderedPrompt], n_behind: int) -> Iterator[list[int]]:
        """Yield places of rows of equal length that fit the budget together."""
        lengths = [len(row.token_ids) + n_behind for row in rows]
        order = sorted(range(len(rows)), key=lambda place: (lengths[place], rows[place].key, place))
        budget = self.token_budget or default_budget(self.model)
        for _, part in groupby(order, key=lengths.__getitem__):
            own = list(part)
            for first, past in plan_batches([lengths[place] for place in own], token_budget=budget):
                yield own[first:past]

    def _changed(
        self,
        rows: Sequence[RenderedPrompt],
        spots: Sequence[Spot],
        n_behind: int,
        changes: Sequence[StreamChange | None],
    ) -> Iterator[NDArray[np.float64]]:
        """Yield the values of one batch (n_rows, n_spots), change after change.

        Blocks below the first changed layer are computed once for all changes.
        """
        kept: list[object] = []
        depth = max((min(change.layers) for change in changes if change is not None), default=0)
        with torch.inference_mode():
            handles = [
                block.register_forward_hook(lambda _m, _i, output: kept.append(output))
                for block in self.model.blocks[:depth]
            ]
            try:
                plain = self._forward(rows, n_behind)
            finally:
                for handle in handles:
                    handle.remove()
            if kept and not self._is_same_skipping(kept, rows, plain):
                kept = []
            for change in changes:
                if change is None:
                    yield _picked(plain, spots)
                else:
                    yield _picked(self._pass(change, rows, n_behind, kept), spots)

    def _is_same_skipping(
        self, kept: Sequence[object], rows: Sequence[RenderedPrompt], plain: Tensor
    ) -> bool:
        """Whether the blocks above give what they gave, where those below only return what they returned.

        Layers that share keys and values with earlier ones do not.
        """
        try:
            with skip_blocks(self.model.blocks, kept):
                return torch.equal(self._forward(rows, plain.shape[1] - 1), plain)
        except (RuntimeError, TypeError, ValueError, AttributeError, LookupError):
            return False

    def _pass(
        self, change: StreamChange, rows: Sequence[RenderedPrompt], n_behind: int, kept: Sequence[object]
    ) -> Tensor:
        """Return the logits of a pass under a change; ``kept`` are what the first blocks returned before."""

        def changed(layer: int, stream: Tensor) -> Tensor:
            return change.change(layer, stream, rows)

        skipped = kept[: min(change.layers)]
        blocks = self.model.blocks
        with skip_blocks(blocks, skipped), change_stream(blocks, change.layers, change=changed):
            return self._forward(rows, n_behind)

    def _forward(self, rows: Sequence[RenderedPrompt], n_behind: int) -> Tensor:
        """Return logits (n_rows, 1 + n_behind, n_vocabulary) from the prompt's last token on."""
        self._forget()
        n = 1 + n_behind
        model = self.model.model
        keep = (
            {"logits_to_keep": n} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
        )
        logits = model(**self._inputs(rows), **self.model.options, **keep).logits
        return logits[:, -n:].float()

    def _forget(self) -> None:
        forget_lengths(self.model.backbone)

    def _inputs(self, rows: Sequence[RenderedPrompt]) -> dict[str, Any]:
        ids = torch.tensor([row.token_ids for row in rows], device=self.model.device)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def extended(row: RenderedPrompt, behind: tuple[int, ...]) -> RenderedPrompt:
    """Return a row with tokens behind its prompt."""
    return replace(row, token_ids=row.token_ids + behind) if behind else row


def _picked(logits: Tensor, spots: Sequence[Spot]) -> NDArray[np.float64]:
    """Return the log-probabilities (n_rows, n_spots) of the tokens asked for."""
    values = logits.double().log_softmax(dim=-1)
    offsets, ids = (torch.tensor(part, device=values.device) for part in zip(*spots, strict=True))
    picked: NDArray[np.float64] = values[:, offsets, ids].cpu().numpy()
    return picked
