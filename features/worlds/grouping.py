"""How many rows each group has."""

import numpy as np

from unsinter.features.worlds.codings import Codes
from unsinter.features.worlds.knobs import Knobs


def draw_families(knobs: Knobs, rng: np.random.Generator) -> Codes:
    """Return the group (n,) of every row; rows of one group follow each other.

    There are as many groups whatever their sizes, so that labels of groups are the same.
    """
    if knobs.sizes == "equal":
        return np.arange(knobs.n) // knobs.rows_per_group
    n_groups = -(-knobs.n // knobs.rows_per_group)
    if knobs.sizes == "zipf":
        share = 1 / np.arange(1, n_groups + 1)
        least, most = 1, knobs.n
        sizes = np.maximum(1, np.rint(knobs.n * share / share.sum())).astype(np.int64)
    else:
        least, most = 2, 2 * knobs.rows_per_group - 2
        sizes = rng.integers(least, most + 1, size=n_groups)
    return np.repeat(np.arange(n_groups), _adding_up(sizes, knobs.n, least, most, rng))


def _adding_up(sizes: Codes, n: int, least: int, most: int, rng: np.random.Generator) -> Codes:
    """Return sizes that add up to n, by a row more or less in groups at random that may have it."""
    while (missing := n - int(sizes.sum())) != 0:
        step = 1 if missing > 0 else -1
        able = np.flatnonzero((sizes < most) if step > 0 else (sizes > least))
        if not len(able):  # so few rows that the last group must be smaller
            able = np.array([int(sizes.argmax())])
        chosen = rng.permutation(able)[: abs(missing)]
        sizes[chosen] += step
    return sizes
