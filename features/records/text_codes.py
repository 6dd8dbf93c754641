"""Texts as sets of whole numbers: a code per run of characters, or per word, in a few bytes each."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
_BITS = 31
_CHUNK = 1_000
"""Texts whose codes are made at once."""

_FACTORS = np.random.default_rng(5).integers(1, 2**63, size=16, dtype=np.uint64) | np.uint64(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSets:
    """One set of codes per text, sorted, without repeats.

    Attributes
    ----------
    codes : (n_codes,) int32 from 0, those of one text after those of another. Two different runs of
        characters have one code with probability 2^-31.
    starts : (n_texts + 1,) where the codes of each text begin.
    """

    codes: Codes
    starts: npt.NDArray[np.int64]


def shingle_codes(texts: Sequence[str], length: int) -> CodeSets:
    """Return the set of runs of ``length`` characters of each text; a shorter text is one run."""
    return _sets(texts, lambda chunk: _shingles(chunk, length))


def word_codes(texts: Sequence[str], words_of: Callable[[str], frozenset[str]]) -> CodeSets:
    """Return the set of words of each text, as ``words_of`` gives it."""
    return _sets(texts, lambda chunk: _words(chunk, words_of))


def _sets(texts: Sequence[str], coded: Callable[[Sequence[str]], npt.NDArray[np.uint64]]) -> CodeSets:
    # A text has no more codes than characters, or one; what stays unused of this takes no memory.
    codes = np.empty(sum(map(len, texts)) + len(texts), np.int32)
    starts = np.zeros(len(texts) + 1, np.int64)
    filled = 0
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        keys = coded(chunk)  # place of the text in the chunk, then the code
        keys.sort()
        keys = keys[np.append([True], keys[1:] != keys[:-1])[: len(keys)]]
        sizes = np.bincount((keys >> np.uint64(_BITS)).astype(np.int64), minlength=len(chunk))
        starts[start + 1 : start + 1 + len(chunk)] = filled + sizes.cumsum()
        codes[filled : filled + len(keys)] = keys & np.uint64(2**_BITS - 1)
        filled += len(keys)
    return CodeSets(codes=codes[:filled], starts=starts)


def _shingles(texts: Sequence[str], length: int) -> npt.NDArray[np.uint64]:
    padded = [text.ljust(length, "\0") for text in texts]
    sizes = np.array([len(text) for text in padded])
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    mixed = np.zeros(len(points) - length + 1, np.uint64)
    for place in range(length):
        mixed += points[place : place + len(mixed)] * _FACTORS[place]
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _FACTORS[-1]
    text_of = np.repeat(np.arange(len(padded), dtype=np.uint64), sizes)
    within = np.arange(len(points)) - np.repeat(sizes.cumsum() - sizes, sizes)
    is_run = (within + length <= np.repeat(sizes, sizes))[: len(mixed)]
    return (text_of[: len(mixed)] << np.uint64(_BITS) | mixed >> np.uint64(64 - _BITS))[is_run]


def _words(texts: Sequence[str], words_of: Callable[[str], frozenset[str]]) -> npt.NDArray[np.uint64]:
    mask = 2**_BITS - 1
    keys = [
        place << _BITS | zlib.crc32(word.encode("utf-8", "surrogatepass")) & mask
        for place, text in enumerate(texts)
        for word in words_of(text)
    ]
    return np.array(keys, dtype=np.uint64)
