"""Activations of a few prompts that nobody will ask for again: extracted without a cache on disk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.features.extract.extraction import ExtractionOptions, extract
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt


@dataclass(slots=True, kw_only=True)
class InMemoryStore:
    """A store for one call of ``extract``: what is filled stays in memory, in the model's dtype."""

    values: dict[int, NDArray[Any]] = field(default_factory=dict)
    """Layer to (n_rows, n_positions, d_model); bfloat16 as uint16 bits."""

    places: dict[str, int] = field(default_factory=dict)
    positions: tuple[str, ...] = ()
    dtype: str = ""

    def fill(
        self, rows: Sequence[str], *, layers: Any, positions: Any, produce: Callable[..., Any], dtype: str
    ) -> None:
        """Compute every row."""
        values: Mapping[int, NDArray[Any]] = produce(rows, layers, positions)
        self.values, self.positions, self.dtype = dict(values), tuple(positions), dtype
        self.places = {key: index for index, key in enumerate(rows)}

    def read(self, layer: int, position: str, rows: Sequence[str]) -> NDArray[np.float32]:
        """Return (n_rows, d_model) float32 in the asked order."""
        places = [self.places[key] for key in rows]
        values = self.values[layer][places, self.positions.index(position)]
        if self.dtype == "bfloat16":
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(np.float32)


def read_site(
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    *,
    layer: int,
    position: str,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Return the activations of rendered prompts at one site (n_prompts, d_model), in their order.

    Raises
    ------
    ExtractionError, PositionError : as ``extract``.
    """
    options = ExtractionOptions(progress=progress)
    read = extract(model, rendered, InMemoryStore(), layers=[layer], positions=[position], options=options)
    return read.activations(layer, position)
