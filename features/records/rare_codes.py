"""Pairs of sets that share one of their rarest codes, as two sets that are similar must.

Of two sets x and y, |x| <= |y|, with Jaccard similarity t or more, one code at least is among the
|x| - 2t/(1+t) |x| + 1 rarest of x and the |y| - t |y| + 1 rarest of y, rare in any one order of all codes
(Chaudhuri, Ganti & Kaushik 2006; Bayardo, Ma & Srikant 2007). The words of a template are rare in none of its
prompts, and so prompts that share no more than the template are not looked at.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from unsinter.features.records.components import Components
from unsinter.features.records.text_codes import CodeSets

Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]

MANY = 256
"""Sets that share a code, or a band; of more, not every pair is looked at."""

_PAIRS_AT_ONCE = 50_000


def pairs_with_a_rare_code(
    sets: CodeSets, places: Ints, least: float, joined: Components | None
) -> Iterator[tuple[Ints, Ints]]:
    """Yield arrays of places (one, other) among which is every pair of similarity ``least`` or more.

    With ``joined``, only pairs that it does not hold together; pairs that are joined meanwhile are left out.
    """
    sizes = sets.starts[places + 1] - sets.starts[places]
    places, sizes = places[(order := np.argsort(sizes, kind="stable"))], sizes[order]
    rows, is_rarest, begins = _sharing(sets, places, sizes, least)
    lengths = np.diff(begins, append=len(rows))
    if (lengths * (lengths - 1)).sum() >= len(places) * (len(places) - 1):
        # Long texts of few words have many rare codes in common: each pair once is less than once a code.
        yield from _one_by_one(places, np.ones(len(places), bool), joined)
        return
    for left, right in pairs_inside(begins, lengths):
        kept = is_rarest[left]
        yield places[rows[left[kept]]], places[rows[right[kept]]]
    for begin, length in zip(begins[lengths > MANY], lengths[lengths > MANY], strict=True):
        part = slice(begin, begin + length)
        yield from _one_by_one(places[rows[part]], is_rarest[part], joined)


def pairs_inside(begins: Ints, lengths: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield all pairs of places inside stretches of 2 to `MANY` places, many stretches at once."""
    for length in np.unique(lengths[(lengths > 1) & (lengths <= MANY)]):
        left, right = np.triu_indices(length, 1)
        step = max(1, _PAIRS_AT_ONCE // len(left))
        same = begins[lengths == length]
        for start in range(0, len(same), step):
            places = same[start : start + step, None]
            yield (places + left).ravel(), (places + right).ravel()


def _one_by_one(places: Ints, is_rarest: Marks, joined: Components | None) -> Iterator[tuple[Ints, Ints]]:
    """Yield one place after the other with those behind it that are not joined to it."""
    for first in np.flatnonzero(is_rarest):
        others = places[first + 1 :]
        if joined is not None:
            roots = joined.roots(places[first:])
            if (roots == roots[0]).all():
                return
            others = others[roots[1:] != roots[0]]
        yield np.full(len(others), places[first]), others


def _sharing(sets: CodeSets, places: Ints, sizes: Ints, least: float) -> tuple[Ints, Marks, Ints]:
    """Return rows, code by code; of which of them the code is among the rarest; where each code's rows begin.

    The rarest codes come first, and of each code the smaller sets.
    """
    # Small types: the codes of a crowd are what takes most memory in finding near copies.
    rows = np.repeat(np.arange(len(places), dtype=np.int32), sizes)
    within = np.arange(len(rows), dtype=np.int32) - np.repeat(
        (sizes.cumsum() - sizes).astype(np.int32), sizes
    )
    codes, counts = _numbered(sets.codes[np.repeat(sets.starts[places].astype(np.int32), sizes) + within])
    codes = codes[np.lexsort((codes, counts[codes], rows))]
    probed = np.repeat((sizes - rounded_up(least * sizes) + 1).astype(np.int32), sizes)
    kept = (within < probed) & (counts[codes] > 1)
    rows, codes, within = rows[kept], codes[kept], within[kept]
    is_rarest = within < (sizes - rounded_up(2 * least / (1 + least) * sizes) + 1)[rows]
    by_code = np.lexsort((rows, codes, counts[codes]))
    return rows[by_code].astype(np.int64), is_rarest[by_code], beginnings(codes[by_code])


def _numbered(codes: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return codes as numbers from 0, and how often each of these stands."""
    _, numbers, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return numbers.astype(np.int32), counts.astype(np.int32)


def beginnings(values: npt.NDArray[Any]) -> Ints:
    """Return the first place of every stretch of equal values."""
    return np.flatnonzero(np.append([True], values[1:] != values[:-1])[: len(values)])


def rounded_up(values: npt.NDArray[Any]) -> Ints:
    """Return the smallest whole numbers that are not smaller, but for what rounding adds."""
    return np.ceil(values - 1e-9).astype(np.int64)
