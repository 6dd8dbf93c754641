"""Where activations are read, and which rows of a target train, test and validate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from unsinter.cache.reading import Site as Site
from unsinter.studies.data.estimate import NAN as NAN

FloatArray: TypeAlias = NDArray[np.floating]
ReadSite: TypeAlias = Callable[[int, str], FloatArray]
"""Layer and position to activations (n_examples, d_model)."""


@runtime_checkable
class StoredReader(Protocol):
    """A reader of what lies on a disk that other processes see too: they are sent where, not what."""

    def to_send(self) -> ReadSite:
        """Return the reader in the form that another process takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Which rows of a target train, test and validate; all three keep groups whole.

    Attributes
    ----------
    train, test : row indices.
    inner : (n_train,) inner fold of each training row, used to choose penalty and site.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    inner: NDArray[np.intp]
