"""Which training rows only decide when a network stops."""

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, LabelArray
from unsinter.probes.row_values import known_values


def validation_rows(
    codes: NDArray[np.integer], groups: LabelArray | None, *, fraction: float, seed: int
) -> BoolArray:
    """Return which rows (n_examples,) only decide when to stop: whole groups, a share of each class's.

    A group belongs to the class of its first labelled row. A class with one group keeps it for training;
    where every class has one, no row validates. Rows with code -1 never do.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"validation_fraction must lie between 0 and 1, got {fraction!r}.")
    names = np.arange(len(codes)) if groups is None else known_values(groups, len(codes), name="groups")
    labelled = np.flatnonzero(codes >= 0)
    unique, first = np.unique(names[labelled], return_index=True)
    owner = codes[labelled][first]
    rng = np.random.default_rng(seed)
    taken = []
    for code in np.unique(owner):
        own = rng.permutation(unique[owner == code])
        taken.append(own[: min(len(own) - 1, max(1, round(fraction * len(own))))])
    return np.isin(names, np.concatenate(taken)) & (codes >= 0)
