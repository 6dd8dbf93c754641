"""Rows of different groups whose texts are nearly the same."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unsinter.features.records.duplicates import near_duplicates
from unsinter.probes.arrays import FloatArray


def text_copies(
    text: FloatArray | Sequence[str] | None, rows: NDArray[np.intp], groups: NDArray[np.generic]
) -> NDArray[np.intp]:
    """Return pairs (m, 2) of places among ``rows`` whose texts are near duplicates in different groups.

    Parameters
    ----------
    text : of all rows; features and None have no copies.
    groups : (n_rows,) of ``rows``.
    """
    if not isinstance(text, list):
        return np.empty((0, 2), dtype=np.intp)
    pairs = near_duplicates([text[row] for row in rows], groups=groups.tolist())
    return np.array(list(pairs), dtype=np.intp).reshape(-1, 2)
