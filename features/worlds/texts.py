"""Texts behind the rows where it matters what they say of each other: paraphrases, and lengths."""

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.codings import Codes
from unsinter.features.worlds.kinds import TextView

_SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou")
_N_WORDS = 2000
_WORDS_PER_TEXT = 16
_KEPT = 0.5
"""Share of an original's words that a paraphrase keeps, in their places."""

_TYPICAL_LENGTH, _SPREAD = 120.0, 0.6
"""Characters of a text of average log length, and the deviation of log length."""


def draw_texts(
    view: TextView, families: Codes, quantity: NDArray[np.float64] | None, rng: np.random.Generator
) -> tuple[str, ...] | None:
    """Return one text per row; None where the kind has none.

    Parameters
    ----------
    families : (n,) whose members paraphrase one original.
    quantity : (n,) of which log length is a multiple; only for texts of a given length.
    """
    if view not in ("paraphrases", "length"):
        return None
    words = np.array(["".join(rng.choice(_SYLLABLES, size=3)) for _ in range(_N_WORDS)])
    if view == "paraphrases":
        return _paraphrases(words, families, rng)
    assert quantity is not None
    return tuple(_of_length(words, size, rng) for size in text_lengths(quantity))


def text_lengths(quantity: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return characters (n,) of texts, at least one, given the standardised log length (n,)."""
    return np.maximum(1, np.rint(_TYPICAL_LENGTH * np.exp(_SPREAD * quantity))).astype(np.int64)


def _paraphrases(words: NDArray[np.str_], families: Codes, rng: np.random.Generator) -> tuple[str, ...]:
    _, family = np.unique(families, return_inverse=True)
    originals = rng.integers(len(words), size=(int(family.max()) + 1, _WORDS_PER_TEXT))
    shape = len(family), _WORDS_PER_TEXT
    chosen = np.where(rng.random(shape) < _KEPT, originals[family], rng.integers(len(words), size=shape))
    return tuple(" ".join(words[row]) for row in chosen)


def _of_length(words: NDArray[np.str_], size: int, rng: np.random.Generator) -> str:
    """Return random words, cut so that the text has exactly ``size`` characters and ends in a letter."""
    drawn = " ".join(words[rng.integers(len(words), size=size // 7 + 1)])[:size]
    return drawn[:-1] + "a" if drawn.endswith(" ") else drawn
