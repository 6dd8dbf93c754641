"""Activations of a study's rows where they lie: small to send, read by whoever needs them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.cache import ActivationStore
from unsinter.cache.errors import unreadable
from unsinter.cache.json_text import parse_json
from unsinter.cache.location import read_regular
from unsinter.features.extract.extraction import Extraction, Store
from unsinter.studies.data.site_readers import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSites:
    """Reads the activations of a study's prompts; another process gets store, identity and rows, no number.

    Attributes
    ----------
    store : what holds them.
    keys : of the prompts that are present, in their order.
    is_present : (n_prompts,) prompts that have activations.
    """

    store: Store
    keys: Sequence[str]
    is_present: NDArray[np.bool_]

    @classmethod
    def of(cls, extraction: Extraction, is_present: NDArray[np.bool_]) -> "StoredSites":
        """Return the reader of an extraction."""
        return cls(store=extraction.store, keys=extraction.keys, is_present=is_present)

    def __call__(self, layer: int, position: str) -> FloatArray:
        """Return (n_prompts, d_model) float32; rows that are not present hold zeros and take no part."""
        return spread_rows(self.store.read(layer, position, self.keys), self.is_present)

    def to_send(self) -> "StoredSites":
        """Return itself: pickled, it holds no activation."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if not isinstance(self.store, ActivationStore):
            return _rebuilt, (self.store, self.keys, self.is_present)
        return _reopened, (self.store.path.absolute(), self.keys, self.is_present)


def spread_rows(values: FloatArray, is_present: NDArray[np.bool_]) -> FloatArray:
    """Return values (n_present, d_model) as (n_prompts, d_model), zeros where no prompt is present."""
    if is_present.all():
        return values
    everything = np.zeros((len(is_present), values.shape[1]), dtype=values.dtype)
    everything[is_present] = values
    return everything


def _rebuilt(store: Store, keys: Sequence[str], is_present: NDArray[np.bool_]) -> StoredSites:
    return StoredSites(store=store, keys=keys, is_present=is_present)


def _reopened(folder: Path, keys: Sequence[str], is_present: NDArray[np.bool_]) -> StoredSites:
    return _rebuilt(_opened(folder), keys, is_present)


@lru_cache(maxsize=4)
def _opened(folder: Path) -> ActivationStore:
    """Return the store of a folder, opened once in this process, so that one index serves all its reads."""
    path = folder / "identity.json"
    try:
        identity = parse_json(read_regular(path))
    except OSError as error:
        raise unreadable(error, path) from error
    return ActivationStore.open(folder.parent, identity)
