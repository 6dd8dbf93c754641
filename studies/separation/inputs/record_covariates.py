"""What the records know beside the two factors that may move labels and activations alike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unsinter.features.records.record import PromptRecord

_FIELDS = {
    "source": ("source",),
    "language": ("language", "lang"),
    "system prompt": ("system_prompt", "system"),
    "prefill": ("prefill",),
}
"""What is held fixed -> the fields of a record that may hold it."""


def record_covariates(prompts: Sequence[PromptRecord]) -> dict[str, NDArray[np.object_]]:
    """Return name to (n_prompts,) what is held fixed; empty where it is not known.

    Only what takes several values can be held fixed.
    """
    covariates = {}
    for name, fields in _FIELDS.items():
        values = np.array([_first_known(prompt, fields) for prompt in prompts], dtype=object)
        if len(set(values)) > 1:
            covariates[name] = values
    return covariates


def _first_known(prompt: PromptRecord, fields: Sequence[str]) -> str:
    values = (getattr(prompt, name, None) for name in fields)
    return next((str(value) for value in values if value not in (None, "")), "")
