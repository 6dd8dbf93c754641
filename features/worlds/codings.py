"""How z, w and the category move activations along the planted axes: one short function for each code."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.int64]
"""(n,) 0 or 1 of a factor, or a category's number."""

Multiples: TypeAlias = NDArray[Any]
"""(n,) whole numbers or fractions."""

Coding: TypeAlias = Callable[[Codes, Codes, Codes], tuple[Multiples, Multiples, Multiples]]
"""From z, w, category to the multiples of u_z that z and that w add, and the multiple of u_w that w adds."""

WEAK_PULL = 0.25
"""How far w moves the one axis where it moves it less than z does, which moves it by 1."""

Moves: TypeAlias = tuple[Multiples, Multiples, Multiples]


def apart(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move each axis by its own factor."""
    return z, 0 * w, w


def together(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move one axis by both factors, the same way."""
    return z, w, 0 * w


def against(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move one axis by both factors, opposite ways."""
    return z, -w, 0 * w


def weakly_together(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move one axis by both factors, w by a quarter of what z does."""
    return z, WEAK_PULL * w, 0 * w


def weakly_against(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move one axis by both factors, w by a quarter of what z does and the other way."""
    return z, -WEAK_PULL * w, 0 * w


def first(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move u_z by z."""
    return z, 0 * w, 0 * w


def second(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move u_w by w."""
    return 0 * z, 0 * w, w


def nothing(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move nothing by either factor."""
    return 0 * z, 0 * w, 0 * w


def gated(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move u_w by w where z = 1 only."""
    return z, 0 * w, z * w


def apart_in_one_category(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move two axes in the first category, and one in all others."""
    return z, w * (category != 0), w * (category == 0)


def product(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move u_w by whether both factors are alike: w raises it where z = 1 and lowers it where z = 0."""
    return z, 0 * w, (z == w).astype(np.int64)


def turned_by_category(z: Codes, w: Codes, category: Codes) -> Moves:
    """Move u_w up by w in the categories of even number, and down in the others."""
    return z, 0 * w, np.where(category % 2, 1 - w, w)


NOT_STRAIGHT: tuple[Coding, ...] = (gated, apart_in_one_category, product, turned_by_category)
"""Codes that depend on the other factor or on the category."""
