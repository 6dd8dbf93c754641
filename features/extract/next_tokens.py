"""How likely given next tokens are behind prompts, as the model is and while its stream is changed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.features.extract.changed_passes import ChangedPasses, Spot, StreamChange
from unsinter.features.extract.extraction import default_budget
from unsinter.features.model.hooks import read_stream
from unsinter.features.model.model import ChatModel
from unsinter.features.model.rope_lengths import forget_lengths
from unsinter.features.rendering.batches import plan_batches
from unsinter.features.rendering.rendering import RenderedPrompt


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
        batches = list(self._batches(rows, len(behind)))
        whole = [extended(row, behind) for row in rows]
        passes = ChangedPasses(model=self.model, spots=spots, n_behind=len(behind), changes=changes)
        if batches:
            passes = passes.sharing_prefixes(rows, trial=[whole[place] for place in batches[0]])
        done = 0
        for places in batches:
            out[:, places] = passes.log_probs([whole[place] for place in places])
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
            ids = torch.tensor([row.token_ids for row in own], device=self.model.device)
            with torch.inference_mode(), read_stream(self.model.blocks, layers, take=take):
                forget_lengths(self.model.backbone)
                self.model.backbone(input_ids=ids, attention_mask=torch.ones_like(ids), **self.model.options)
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


def extended(row: RenderedPrompt, behind: tuple[int, ...]) -> RenderedPrompt:
    """Return a row with tokens behind its prompt."""
    return replace(row, token_ids=row.token_ids + behind) if behind else row
