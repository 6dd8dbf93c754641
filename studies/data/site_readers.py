"""How activations of a site are read: in this process, or from a disk that other processes see too."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating]
ReadSite: TypeAlias = Callable[[int, str], FloatArray]
"""Layer and position to activations (n_examples, d_model)."""


@runtime_checkable
class StoredReader(Protocol):
    """A reader of what lies on a disk that other processes see too: they are sent where, not what."""

    def to_send(self) -> ReadSite:
        """Return the reader in the form that another process takes."""
