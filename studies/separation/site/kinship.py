"""Rows of different groups that resemble each other: copies, and labels that travel along with likeness.

Groups are trusted to hold what belongs together. Where they do not, a probe recognises relatives of its
training rows and their labels look represented. Likeness is measured on what cells and all that is held
fixed leave of the activations, whitened by a metric that has seen neither of the two rows, so that no code
of the labels and no direction of large variance makes rows alike.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from unsinter.probes.arrays import FloatArray
from unsinter.probes.permutation import shuffles_within
from unsinter.studies.separation.effects.residual_metric import Coordinates, ResidualMetric, least_squares
from unsinter.studies.study.run_options import part_done

_COPY = 0.75
"""Cosine of two rows' residuals from which they count as copies of one text."""

_CHANCE_DEVIATIONS = 6.0
"""Deviations of the cosine of two independent rows, one over the root of the dimensions, that copies
exceed."""

FEWEST_DIMENSIONS = 16
"""Dimensions below which the nearest row is near for what the labels do to it, and likeness tells nothing."""

_BLOCK_PRODUCTS = 2**27
"""Products of rows that stand in memory at once."""

N_PARTS = 10
"""Parts of a search for kin: it notes each when it is done."""

_N_SHUFFLES = 200

_KEPT_ROWS = 2**19
"""Rows of all shuffles of one set of blocks that are kept rather than drawn anew at every site."""

_LEAST_EXCESS, _LEAST_DEVIATIONS = 0.15, 4.0
"""Excess of a label's agreement among nearest rows, in shares of full agreement and in deviations of
shuffles."""


class Kinship(NamedTuple):
    """Likeness of rows across groups.

    Attributes
    ----------
    nearest : (n,) the most alike row of another group.
    copies : (m, 2) pairs of rows of different groups that are copies.
    n_dimensions : that likeness is measured in.
    """

    nearest: NDArray[np.intp]
    copies: NDArray[np.intp]
    n_dimensions: float


def find_kin(sites: Coordinates, kinds: FloatArray, groups: NDArray[np.intp]) -> Kinship:
    """Return the likeness of the rows of one site.

    Parameters
    ----------
    kinds : (n, q) indicators of cells and of what is held fixed.
    groups : (n,) codes.
    """
    residual, _ = least_squares(torch.as_tensor(kinds), sites.Y)
    metric = ResidualMetric.fit(residual, n_dimensions=sites.n_dimensions)
    white = metric.whiten(residual)
    # Many columns may hold few dimensions: as many as would share the squares of whitened rows evenly.
    spread = white.T @ white
    n_dimensions = float(spread.trace() ** 2 / spread.square().sum().clamp_min(1e-30))
    least = max(_COPY, _CHANCE_DEVIATIONS / n_dimensions**0.5)
    white = metric.apart(white)
    own = csr_array((np.ones(len(groups)), (groups, np.arange(len(groups)))))
    nearest, pairs = torch.empty(len(white), dtype=torch.long), []
    block = max(1, min(1024, _BLOCK_PRODUCTS // len(white)))
    for start in range(0, len(white), block):
        rows = slice(start, start + block)
        likeness = white[rows] @ white.T
        likeness[own[groups[rows]].nonzero()] = -torch.inf
        most, nearest[rows] = likeness.max(dim=1)
        some = torch.nonzero(most > least)[:, 0]  # hardly a row has copies
        alike = torch.nonzero(likeness[some] > least)
        pairs.append(torch.stack([some[alike[:, 0]] + start, alike[:, 1]], dim=1))
        end = min(start + block, len(white))
        for _ in range(N_PARTS * start // len(white), N_PARTS * end // len(white)):
            part_done()
    return Kinship(nearest.numpy(), torch.cat(pairs).numpy(), n_dimensions)


def equal_rows(X: FloatArray, groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return pairs (m, 2) of rows of different groups that are equal: each with the first one like it."""
    rows = np.ascontiguousarray(X)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    pairs = np.stack([first[codes], np.arange(len(rows))], axis=1)
    return np.asarray(pairs[groups[pairs[:, 0]] != groups[pairs[:, 1]]], dtype=np.intp)


def joined_groups(groups: NDArray[np.intp], copies: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return group codes (n,) with groups that hold copies of each other's rows put together."""
    n_groups = int(groups.max()) + 1
    links = coo_array(
        (np.ones(len(copies)), (groups[copies[:, 0]], groups[copies[:, 1]])), shape=(n_groups,) * 2
    )
    _, joined = connected_components(links, directed=False)
    return np.asarray(joined[groups], dtype=np.intp)


def excess_agreement(
    labels: NDArray[np.integer],
    blocks: NDArray[np.intp],
    groups: NDArray[np.intp],
    nearest: NDArray[np.intp],
    *,
    seed: int,
) -> float | None:
    """Return how far nearest rows of other groups agree in a label beyond chance; None where that may be
    chance.

    0 is what shuffling the labels within blocks gives, 1 is full agreement. One row stands for each group, so
    that rows are exchangeable under chance.

    Parameters
    ----------
    labels : (n,) 0 or 1.
    blocks : (n,) codes of the other factor and what is held fixed, within which labels are shuffled.
    """
    _, first = np.unique(groups, return_index=True)
    size = np.bincount(blocks)
    mean = np.bincount(blocks, weights=labels) / np.maximum(size, 1)
    r = labels - mean[blocks]
    spread = float((r[first] ** 2).mean())
    if spread == 0:
        return None
    value = float((r[first] * r[nearest[first]]).mean()) / spread
    shuffled = np.array(
        [(r[rows[first]] * r[rows[nearest[first]]]).mean() / spread for rows in _shuffled_rows(blocks, seed)]
    )
    excess = value - float(shuffled.mean())
    is_chance = excess < max(_LEAST_EXCESS, _LEAST_DEVIATIONS * float(shuffled.std()))
    return None if is_chance else excess


def _shuffled_rows(blocks: NDArray[np.intp], seed: int) -> Iterable[NDArray[np.integer]]:
    """Return the rows (n,) shuffled within blocks: where each row's label comes from, in every draw.

    They are the same at every site, so those of few rows are kept.
    """
    if _N_SHUFFLES * len(blocks) > _KEPT_ROWS:
        return _drawn_rows(blocks, seed)
    return _kept_rows(blocks.tobytes(), seed)


@lru_cache(maxsize=128)
def _kept_rows(blocks: bytes, seed: int) -> list[NDArray[np.int16]]:
    return [rows.astype(np.int16) for rows in _drawn_rows(np.frombuffer(blocks, dtype=np.intp), seed)]


def _drawn_rows(blocks: NDArray[np.intp], seed: int) -> Iterator[NDArray[np.intp]]:
    rng, rows = np.random.default_rng(seed), np.arange(len(blocks), dtype=np.float64)
    for _ in range(_N_SHUFFLES):
        yield shuffles_within(rows, blocks, n=1, rng=rng)[0].astype(np.intp)
