"""What one model gives a study: activations in the order of its prompts, and an answer to each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unsinter.features.extract import Extraction
from unsinter.studies.sweep import FloatArray
from unsinter.studies.targets import Response

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Activations and answers of one model; row i belongs to prompt i of the study.

    Attributes
    ----------
    is_present : (n_prompts,) false for prompts that were dropped as too long.
    facts : how the extraction went, for the summary.
    """

    extraction: Extraction
    is_present: NDArray[np.bool_]
    responses: Sequence[Response | None]
    identity: dict[str, str]
    facts: Mapping[str, Any]

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers that were extracted."""
        return self.extraction.layers

    def activations(self, layer: int, position: str) -> FloatArray:
        """Return (n_prompts, d_model) float32; rows that are not present hold zeros and take no part."""
        values = self.extraction.activations(layer, position)
        if self.is_present.all():
            return values
        everything = np.zeros((len(self.is_present), values.shape[1]), dtype=values.dtype)
        everything[self.is_present] = values
        return everything
