"""Pairs of similar sets, found without comparing all pairs.

Sets become candidates where their min-hashes agree in a band (Broder 1997). Where a band puts very many sets
together, as the words of a template do, only those of them are compared that share one of their rarest codes,
as two similar sets must: see `unsinter.features.records.rare_codes`.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from unsinter.features.records.components import Components
from unsinter.features.records.rare_codes import (
    MANY,
    Ints,
    beginnings,
    pairs_inside,
    pairs_with_a_rare_code,
    rounded_up,
)
from unsinter.features.records.text_codes import CodeSets

BANDS, ROWS_PER_BAND = 42, 3
"""A pair of Jaccard similarity s becomes a candidate with probability 1 - (1 - s^3)^42: 0.99996 at 0.6."""

_MAP_WORDS = 4
_CHUNK = 2_000
_COMPARED_AT_ONCE = 2_000


def similar_pairs(
    sets: CodeSets, least: float, joined: Components | None = None
) -> Iterator[tuple[int, int]]:
    """Yield places (one, other) of sets whose similarity is ``least`` or a code short of it.

    A pair may come more often than once. With ``joined``, pairs of places that it holds together are left
    out; the caller joins the pairs that it accepts.
    """
    compared = _Sets(sets, least, joined)
    crowds = np.arange(len(sets.starts) - 1)
    for band in _bands(sets):
        order = np.argsort(band, kind="stable")
        begins = beginnings(band[order])
        lengths = np.diff(begins, append=len(order))
        for left, right in pairs_inside(begins, lengths):
            yield from compared.similar(order[left], order[right])
        large = np.flatnonzero(lengths > MANY)
        for begin, length in zip(begins[large], lengths[large], strict=True):
            places = order[begin : begin + length]
            # Prompts of one template are mostly like the first of them, and then there is no more to do.
            yield from compared.similar(np.full(length - 1, places[0]), places[1:])
            if not compared.are_joined(places):
                crowds = _one_crowd(crowds, places)
    yield from _in_crowds(compared, crowds)


def _one_crowd(crowds: Ints, places: Ints) -> Ints:
    """Return the number of each place's crowd after the crowds of some places have become one."""
    names = np.unique(crowds[places])
    merged = crowds.copy()
    merged[np.isin(crowds, names)] = names[0]
    return merged


def _in_crowds(compared: "_Sets", crowds: Ints) -> Iterator[tuple[int, int]]:
    order = np.argsort(crowds, kind="stable")
    for places in np.split(order, beginnings(crowds[order])[1:]):
        if len(places) > 1 and not compared.are_joined(places):
            for one, other in pairs_with_a_rare_code(compared.sets, places, compared.least, compared.joined):
                yield from compared.similar(one, other)


def _bands(sets: CodeSets) -> Iterator[npt.NDArray[np.uint64]]:
    """Yield per band a number for each set (n_sets,), equal where all min-hashes of the band are."""
    random = np.random.default_rng(1)
    sizes = np.diff(sets.starts)
    filled = np.flatnonzero(sizes)
    for _ in range(BANDS):
        factors = random.integers(1, 2**63, size=ROWS_PER_BAND, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        shifts = random.integers(0, 2**63, size=ROWS_PER_BAND, dtype=np.uint64)
        # Sets without a code resemble nothing: each has a number of its own.
        numbers = np.arange(len(sizes), dtype=np.uint64)
        for start in range(0, len(filled), _CHUNK):
            part = filled[start : start + _CHUNK]
            first = sets.starts[part[0]]
            codes = sets.codes[first : sets.starts[part[-1] + 1]].astype(np.uint64)
            mixed = np.zeros(len(part), np.uint64)
            for factor, shift in zip(factors, shifts, strict=True):
                hashes = (codes * factor + shift) >> np.uint64(32)
                smallest = np.minimum.reduceat(hashes, sets.starts[part] - first)
                mixed = (mixed ^ smallest) * np.uint64(0x9E3779B97F4A7C15)
                mixed ^= mixed >> np.uint64(29)
            numbers[part] = mixed | np.uint64(1 << 63)
        yield numbers


class _Sets:
    """Sets that can be compared many pairs at a time."""

    def __init__(self, sets: CodeSets, least: float, joined: Components | None) -> None:
        self.sizes = np.diff(sets.starts)
        self.sets, self.least, self.joined = sets, least, joined
        index = np.int32 if len(sets.codes) < 2**31 else np.int64
        self.matrix = sparse.csr_matrix(
            (np.ones(len(sets.codes), np.int8), sets.codes, sets.starts.astype(index)),
            shape=(len(self.sizes), 2**31 - 1),
        )
        self.matrix.has_canonical_format = True
        self.maps = _maps(sets)

    def are_joined(self, places: Ints) -> bool:
        """Tell whether places are all joined already."""
        return self.joined is not None and len(np.unique(self.joined.roots(places))) == 1

    def similar(self, one: Ints, other: Ints) -> Iterator[tuple[int, int]]:
        """Yield those of the pairs that are similar and not joined yet."""
        if self.joined is not None:
            apart = self.joined.roots(one) != self.joined.roots(other)
            one, other = one[apart], other[apart]
        total = self.sizes[one] + self.sizes[other]
        needed = rounded_up(self.least / (1 + self.least) * total) - 1  # two codes of a set may be equal
        unlike = np.bitwise_count(self.maps[one] ^ self.maps[other]).sum(1, dtype=np.int64)
        possible = (total - unlike) // 2 >= needed
        one, other, needed = one[possible], other[possible], needed[possible]
        for start in range(0, len(one), _COMPARED_AT_ONCE):
            part = slice(start, start + _COMPARED_AT_ONCE)
            both = self.matrix[one[part]].multiply(self.matrix[other[part]])
            shared = np.asarray(both.sum(1, dtype=np.int64)).ravel()
            for place in np.flatnonzero(shared >= needed[part]):
                yield int(one[part][place]), int(other[part][place])


def _maps(sets: CodeSets) -> npt.NDArray[np.uint64]:
    """Give each set a map of bits, one per code: sets differ at least where their maps do."""
    sizes, n_bits = np.diff(sets.starts), 64 * _MAP_WORDS
    maps = np.zeros((len(sizes), _MAP_WORDS), np.uint64)
    for start in range(0, len(sizes), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(sizes)))
        bits = np.zeros((part.stop - start, n_bits), bool)
        codes = sets.codes[sets.starts[start] : sets.starts[part.stop]]
        bits[np.repeat(np.arange(len(bits)), sizes[part]), codes % n_bits] = True
        maps[part] = np.packbits(bits, axis=1, bitorder="little").view("<u8")
    return maps
