"""Draws of the two factors and of the category, group by group."""

from dataclasses import replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.codings import Codes
from unsinter.features.worlds.knobs import CELLS, Knobs

Z_OF_CELL = np.array([1, 1, 0, 0])
W_OF_CELL = np.array([1, 0, 1, 0])


def settled(knobs: Knobs) -> Knobs:
    """Return the knobs with the second rate filled in and, where ``cells`` is given, what follows from it.

    Raises
    ------
    ValueError : these rates, zero cell and phi cannot be had together; says what can.
    """
    if knobs.cells is not None:
        return _settled_by_cells(knobs, knobs.cells)
    if knobs.zero_cell is not None:
        knobs = replace(knobs, rate_second=_rate_beside_zero_cell(knobs, CELLS.index(knobs.zero_cell)))
    elif knobs.rate_second is None:
        knobs = replace(knobs, rate_second=0.5)
    low, high = attainable(*_rates(knobs))
    if not low - 1e-9 <= knobs.phi <= high + 1e-9:
        raise ValueError(
            f"phi must lie in [{low:.3f}, {high:.3f}] with rates {knobs.rate_first:g} of z and "
            f"{knobs.rate_second:g} of w, got {knobs.phi!r}; choose rates closer to each other or to .5."
        )
    return knobs


def attainable(first: float, second: float) -> tuple[float, float]:
    """Return the lowest and highest correlation that two binary factors of these rates can have."""
    scale = sqrt(first * (1 - first) * second * (1 - second))
    return (max(0.0, first + second - 1) - first * second) / scale, (
        min(first, second) - first * second
    ) / scale


def cell_shares(knobs: Knobs) -> NDArray[np.float64]:
    """Return the probability (4,) of each of CELLS that gives settled knobs their rates and phi."""
    first, second = _rates(knobs)
    both = first * second + knobs.phi * sqrt(first * (1 - first) * second * (1 - second))
    shares = np.array([both, first - both, second - both, 1 - first - second + both])
    return np.clip(shares, 0, 1)


def draw_cells(knobs: Knobs, rng: np.random.Generator) -> Codes:
    """Return the cell (n_groups,) of every group, as its place in CELLS."""
    if knobs.cells is not None:
        return rng.permutation(np.repeat(np.arange(4), knobs.cells))
    n_groups = -(-knobs.n // knobs.rows_per_group)
    edges = np.cumsum(cell_shares(knobs))[:3]
    return np.searchsorted(edges, rng.random(n_groups), side="right")


def draw_categories(cell: Codes, knobs: Knobs, rng: np.random.Generator, *, followed: bool) -> Codes:
    """Return the category (n_groups,) of every group, given its cell (n_groups,).

    Where z and w follow the category, the first half of the categories raises the rates of both and the other
    lowers them, so that within either half z and w are independent and over both they correlate by phi.

    Raises
    ------
    ValueError : no such rates give this phi.
    """
    if not followed:
        return rng.integers(knobs.n_categories, size=len(cell))
    raised = rng.random(len(cell)) < _raised_given_cell(knobs)[cell]
    n_raised = (knobs.n_categories + 1) // 2
    return np.where(
        raised,
        rng.integers(n_raised, size=len(cell)),
        rng.integers(n_raised, knobs.n_categories, size=len(cell)),
    )


def flipped(codes: Codes, rate: float, rng: np.random.Generator) -> Codes:
    """Return the codes (n,) as seen by a labeller who errs in this share of rows, at random."""
    return codes ^ (rng.random(len(codes)) < rate)


def _rates(knobs: Knobs) -> tuple[float, float]:
    assert knobs.rate_second is not None
    return knobs.rate_first, knobs.rate_second


def _settled_by_cells(knobs: Knobs, cells: tuple[int, int, int, int]) -> Knobs:
    if knobs.zero_cell is not None:
        raise ValueError("zero_cell and cells exclude each other; put a 0 into cells.")
    both, first, second, _ = np.array(cells) / sum(cells)
    rate_first, rate_second = both + first, both + second
    scale = sqrt(rate_first * (1 - rate_first) * rate_second * (1 - rate_second))
    return replace(
        knobs,
        n=sum(cells) * knobs.rows_per_group,
        phi=float((both - rate_first * rate_second) / scale),
        rate_first=float(rate_first),
        rate_second=float(rate_second),
    )


def _rate_beside_zero_cell(knobs: Knobs, zero: int) -> float:
    """Return the only rate of w at which a cell is empty and z and w still correlate by phi."""
    if knobs.rate_second is not None:
        raise ValueError(
            f"rate_second follows from phi and rate_first where a cell cannot occur, "
            f"got {knobs.rate_second!r}; leave it out."
        )
    on_diagonal = zero in (0, 3)
    if not 0 < abs(knobs.phi) < 1 or (knobs.phi < 0) != on_diagonal:
        sign = "a negative" if on_diagonal else "a positive"
        raise ValueError(
            f"zero_cell {CELLS[zero]!r} needs {sign} phi inside (-1, 1), got {knobs.phi!r}; "
            "change phi or the cell."
        )
    odds = knobs.rate_first / (1 - knobs.rate_first)
    squared = knobs.phi**2
    second = (squared / odds, odds / squared, odds * squared, 1 / (squared * odds))[zero]
    return second / (1 + second)


def _raised_given_cell(knobs: Knobs) -> NDArray[np.float64]:
    """Return P(group is of a raised category | cell) (4,), by Bayes' rule."""
    first, second = _rates(knobs)
    swing_first, swing_second = min(first, 1 - first), min(second, 1 - second)
    highest = swing_first * swing_second / sqrt(first * (1 - first) * second * (1 - second))
    if abs(knobs.phi) > highest + 1e-9:
        raise ValueError(
            f"phi must lie in [{-highest:.3f}, {highest:.3f}] where z and w follow the category at rates "
            f"{first:g} and {second:g}, got {knobs.phi!r}; lower it, or bring the rates closer to .5."
        )
    pull = min(1.0, sqrt(abs(knobs.phi) / highest))
    sign = 1 if knobs.phi >= 0 else -1
    likelihood = [
        _likelihood(Z_OF_CELL, first + side * pull * swing_first)
        * _likelihood(W_OF_CELL, second + side * sign * pull * swing_second)
        for side in (-1, 1)
    ]
    total = likelihood[0] + likelihood[1]
    return np.divide(likelihood[1], total, out=np.full(4, 0.5), where=total > 0)


def _likelihood(codes: Codes, rate: float) -> NDArray[np.float64]:
    return np.where(codes == 1, rate, 1 - rate)
