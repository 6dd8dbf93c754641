"""One forward pass over a batch of rendered prompts, of which only the asked places are kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unsinter.features.extract.places import BatchPlaces, Spans
from unsinter.features.model.hooks import read_stream
from unsinter.features.model.load_options import quantization_of
from unsinter.features.model.model import ChatModel
from unsinter.features.model.rope_lengths import RopeLengths, forget_lengths, rope_lengths
from unsinter.features.rendering.batches import make_batch
from unsinter.features.rendering.rendering import RenderedPrompt


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReader:
    """How to read a model's stream: on which side to pad, with which id, and who counts positions."""

    model: ChatModel
    padding_side: str
    pad_id: int
    first_position: int | None = None
    """Position of each row's first real token; None leaves the counting to the model."""

    padded: bool = True
    """Whether rows of different lengths may share a batch."""

    alone: bool = False
    """Whether every row is read in a pass of its own, as models are that rows of one batch change."""

    rope: RopeLengths = field(default_factory=RopeLengths)
    """Rows for which the model makes other position tables never share a batch."""

    def read(
        self,
        rows: Sequence[RenderedPrompt],
        spans: Spans,
        *,
        layers: Sequence[int],
        windows: Sequence[int] = (),
    ) -> Tensor:
        """Return (n_layers, n_rows, n_positions, d_model) on the CPU, in the model's own dtype.

        ``spans`` holds, per row, the token span of each position; spans of several tokens are averaged in
        float32, or pooled by windows where ``windows`` has a size for the position (`window_of`). Layers come
        in the order asked.
        """
        each = [[place] for place in range(len(rows))]
        parts = each if self.alone else self.rope.parts([len(row.token_ids) for row in rows])
        if len(parts) == 1:
            return self._read(rows, spans, layers=layers, windows=windows)
        read = [
            self._read([rows[i] for i in part], [spans[i] for i in part], layers=layers, windows=windows)
            for part in parts
        ]
        return torch.cat(read, dim=1)[:, torch.tensor([i for part in parts for i in part]).argsort()]

    def _read(
        self, rows: Sequence[RenderedPrompt], spans: Spans, *, layers: Sequence[int], windows: Sequence[int]
    ) -> Tensor:
        """Read rows in one forward pass."""
        batch = make_batch(rows, pad_id=self.pad_id, padding_side=self.padding_side)
        device = self.model.device
        places = BatchPlaces.of(
            spans, batch.starts, n_tokens=batch.input_ids.shape[1], device=device, windows=windows
        )
        mask = batch.attention_mask.to(device)
        inputs = {"input_ids": batch.input_ids.to(device), "attention_mask": mask}
        if self.first_position is not None:
            inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0) + self.first_position
        kept: dict[int, Tensor] = {}

        def take(layer: int, stream: Tensor) -> None:
            kept[layer] = places.gather(stream)

        if self.rope.matters:
            forget_lengths(self.model.backbone)
        with torch.inference_mode(), read_stream(self.model.blocks, layers, take=take):
            self.model.backbone(**inputs, **self.model.options)
        # Blocks may be on several devices: each layer's few vectors come from its own.
        return torch.stack([kept[layer].cpu() for layer in layers])


def make_reader(model: ChatModel, *, padding_side: str) -> StreamReader:
    """Return a reader for right padding, where every model counts positions right by itself."""
    return StreamReader(
        model=model,
        padding_side=padding_side,
        pad_id=pad_id(model),
        alone=rows_change_mates(model),
        rope=rope_lengths(model.backbone),
    )


def rows_change_mates(model: ChatModel) -> bool:
    """Whether a row's numbers depend on what else is in its batch.

    In 8 bits a column that is an outlier for one row is computed otherwise for all of them.
    """
    return quantization_of(model.identity) == "8bit"


def pad_id(model: ChatModel) -> int:
    """Return an id to pad with: the model's own where it has one, else any, as only the mask counts."""
    named = (
        model.tokenizer.pad_token_id,
        getattr(model.backbone.config.get_text_config(), "pad_token_id", None),
    )
    return next((n for n in named if isinstance(n, int) and 0 <= n < n_embeddings(model)), 0)


def n_embeddings(model: ChatModel) -> int:
    """Return how many token ids the model has vectors for."""
    table = getattr(model.backbone.get_input_embeddings(), "num_embeddings", None)
    return int(table or model.backbone.config.get_text_config().vocab_size)


__all__ = ["Spans", "StreamReader", "make_reader", "n_embeddings", "pad_id", "rows_change_mates"]
