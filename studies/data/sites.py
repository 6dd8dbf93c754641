"""Where activations are read, and which rows of a target train, test and validate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.cache.reading import Site as Site
from unsinter.studies.data.estimate import NAN as NAN


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
