"""Passes of a model over a batch of rows of one length: as the model is, and under changes of its stream."""

import inspect
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.features.extract.produce import ExtractionError
from unsinter.features.extract.shared_prefix import (
    SharedPrefix,
    common_prefix,
    is_worth_sharing,
    read_tokens,
)
from unsinter.features.model.hooks import change_stream, skip_blocks
from unsinter.features.model.model import ChatModel
from unsinter.features.model.rope_lengths import forget_lengths, rope_lengths
from unsinter.features.rendering.rendering import RenderedPrompt

logger = logging.getLogger(__name__)

Spot: TypeAlias = tuple[int, int]
"""(number of tokens behind the prompt, token id that may follow them)."""

MOST_BYTES = 2 << 30
"""Memory that the prefixes of all changes may take."""

SAME = 2e-4
"""Nats by which a log-probability may differ where a prefix is shared: what the order of sums explains."""


class StreamChange(Protocol):
    """A change of the stream while a model reads; nothing of it outlives the pass."""

    @property
    def layers(self) -> Sequence[int]:
        """Layers at which the stream is changed."""

    def change(self, layer: int, stream: Tensor, rows: Sequence[RenderedPrompt], *, first: int = 0) -> Tensor:
        """Return the stream (n_rows, n_tokens, d_model) that takes the place of another.

        Its tokens are those of the rows from ``first`` on. What is done to a token may depend on its row up
        to there, on where the instruction stands and on nothing else: rows that begin alike share what is
        computed of their beginning.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPasses:
    """Reads log-probabilities at some spots behind rows, change after change.

    Attributes
    ----------
    n_behind : tokens behind each prompt, which end its row.
    changes : None among them is the model as it is.
    prefixes : what all rows begin with, as the model is, then under each change; empty: nothing is shared.
    """

    model: ChatModel
    spots: Sequence[Spot]
    n_behind: int
    changes: Sequence[StreamChange | None]
    prefixes: Sequence[SharedPrefix] = ()

    def sharing_prefixes(
        self, rows: Sequence[RenderedPrompt], *, trial: Sequence[RenderedPrompt]
    ) -> "ChangedPasses":
        """Return these passes with what all rows begin with read once, where that changes nothing.

        ``trial`` is a batch whose log-probabilities must come out alike.
        """
        # Only tokens before every instruction: there a change does the same to all rows.
        ids = common_prefix(rows)[: min(row.instruction[0] for row in rows)]
        if not is_worth_sharing(ids, len(rows)) or rope_lengths(self.model.backbone).matters:
            return self
        prefixes = self._read_prefixes(ids, rows[0])
        if not prefixes:
            return self
        shared = replace(self, prefixes=prefixes)
        tried = sorted({0, len(self.changes) - 1})
        try:
            own, other = self._only(tried).log_probs(trial), shared._only(tried).log_probs(trial)
            if np.allclose(own, other, rtol=0, atol=SAME):
                return shared
        except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as error:
            logger.info("%s: no prefix is shared (%s)", self.model.name, error)
            return self
        logger.info("%s: no prefix is shared: log-probabilities with it are other ones", self.model.name)
        return self

    def _read_prefixes(self, ids: tuple[int, ...], row: RenderedPrompt) -> tuple[SharedPrefix, ...]:
        """Return what the model keeps of these tokens, then under each change; nothing where it cannot."""
        plain = read_tokens(self.model, ids)
        if plain is None:
            return ()
        # Of a change only the layers that it reaches are kept; those below are the plain ones.
        sizes = [sum(part.nbytes for part in layer) for layer in plain.layers]
        depths = [0, *(min(change.layers) for change in self.changes if change is not None)]
        if sum(sum(sizes[depth:]) for depth in depths) > MOST_BYTES:
            logger.info("%s: no prefix is shared: it takes too much memory", self.model.name)
            return ()
        prefixes = [plain]
        for change in self.changes:
            if change is None:
                prefixes.append(plain)
                continue
            with self._under(change, [row], past=len(ids)):
                own = read_tokens(self.model, ids)
            if own is None:
                return ()
            depth = min(change.layers)
            prefixes.append(replace(own, layers=plain.layers[:depth] + own.layers[depth:]))
        return tuple(prefixes)

    def _only(self, places: Sequence[int]) -> "ChangedPasses":
        """Return the passes of some of the changes."""
        prefixes = (self.prefixes[0], *(self.prefixes[1 + n] for n in places)) if self.prefixes else ()
        return replace(self, changes=[self.changes[n] for n in places], prefixes=prefixes)

    def log_probs(self, rows: Sequence[RenderedPrompt]) -> NDArray[np.float64]:
        """Return log-probabilities (n_changes, n_rows, n_spots) in nats.

        Blocks below the first changed layer are computed once for all changes. No generator: between two of
        its values torch's inference mode would stay on, and two of them would leave it on for good.
        """
        values = []
        kept: list[object] = []
        depth = max((min(change.layers) for change in self.changes if change is not None), default=0)
        prefixes: Sequence[SharedPrefix | None] = self.prefixes or [None] * (1 + len(self.changes))
        with torch.inference_mode():
            handles = [
                block.register_forward_hook(lambda _m, _i, output: kept.append(output))
                for block in self.model.blocks[:depth]
            ]
            try:
                plain = self._forward(rows, prefixes[0])
            finally:
                for handle in handles:
                    handle.remove()
            if kept and not self._is_same_skipping(kept, rows, plain):
                kept = []
            for change, prefix in zip(self.changes, prefixes[1:], strict=True):
                if change is None:
                    values.append(self._picked(plain))
                    continue
                first = 0 if prefix is None else len(prefix.token_ids)
                skipped = skip_blocks(self.model.blocks, kept[: min(change.layers)])
                with skipped, self._under(change, rows, first=first, past=len(rows[0].token_ids)):
                    logits = self._forward(rows, prefix)
                values.append(self._picked(logits))
        return np.stack(values)

    def _under(
        self, change: StreamChange, rows: Sequence[RenderedPrompt], *, first: int = 0, past: int
    ) -> Any:
        """Return a context in which the stream of the rows' tokens ``first`` to ``past`` is changed."""

        def changed(layer: int, stream: Tensor) -> Tensor:
            if stream.shape[1] != past - first:
                raise ExtractionError(
                    f"{self.model.name} runs layer {layer} on {stream.shape[1]} of {past - first} tokens, so "
                    "that a change of its stream would miss some; it cannot be checked there."
                )
            return change.change(layer, stream, rows, first=first)

        return change_stream(self.model.blocks, change.layers, change=changed)

    def _is_same_skipping(
        self, kept: Sequence[object], rows: Sequence[RenderedPrompt], plain: Tensor
    ) -> bool:
        """Whether the blocks above give what they gave, where those below only return what they returned.

        Layers that share keys and values with earlier ones do not.
        """
        try:
            with skip_blocks(self.model.blocks, kept):
                return torch.equal(self._forward(rows, self.prefixes[0] if self.prefixes else None), plain)
        except (RuntimeError, TypeError, ValueError, AttributeError, LookupError):
            return False

    def _forward(self, rows: Sequence[RenderedPrompt], prefix: SharedPrefix | None) -> Tensor:
        """Return logits (n_rows, 1 + n_behind, n_vocabulary) from the prompt's last token on."""
        forget_lengths(self.model.backbone)
        n, model = 1 + self.n_behind, self.model.model
        options = dict(self.model.options)
        if "logits_to_keep" in inspect.signature(model.forward).parameters:
            # By place: given a number, some models run their upper layers on the last tokens alone.
            n_tokens = len(rows[0].token_ids) - (0 if prefix is None else len(prefix.token_ids))
            options["logits_to_keep"] = torch.arange(n_tokens - n, n_tokens, device=self.model.device)
        ids = torch.tensor([row.token_ids for row in rows], device=self.model.device)
        mask = torch.ones_like(ids)
        if prefix is not None:
            ids = ids[:, len(prefix.token_ids) :]
            options |= {"past_key_values": prefix.cache([0] * len(rows)), "use_cache": True}
        logits: Tensor = model(input_ids=ids, attention_mask=mask, **options).logits
        return logits[:, -n:].float()

    def _picked(self, logits: Tensor) -> NDArray[np.float64]:
        """Return the log-probabilities (n_rows, n_spots) of the tokens asked for."""
        values = logits.double().log_softmax(dim=-1)
        offsets, ids = (torch.tensor(part, device=values.device) for part in zip(*self.spots, strict=True))
        picked: NDArray[np.float64] = values[:, offsets, ids].cpu().numpy()
        return picked
