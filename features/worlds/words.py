"""A view of the text behind each row: which of a few words occur in it."""

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.codings import Codes
from unsinter.features.worlds.knobs import Knobs, each

CATEGORY_LOADING = 0.5
"""Standard deviation of the log-odds that a category adds to a word: the text carries it, weakly."""

WORD_GAIN = 3.0
"""Length by which a word moves x where x is an image of the words."""


def leak_loadings(knobs: Knobs) -> NDArray[np.float64]:
    """Return log-odds (2, n_words) that z = 1 and w = 1 add, each to a quarter of the words."""
    quarter = knobs.n_words // 4  # signs alternate so that no factor makes a text longer
    signs = np.where(np.arange(quarter) % 2, -1.0, 1.0)
    loadings = np.zeros((2, knobs.n_words))
    for place, leak in enumerate(each(knobs.text_leak)):
        loadings[place, place * quarter : (place + 1) * quarter] = leak * signs
    return loadings


def draw_words(
    z: Codes, w: Codes, category: Codes, knobs: Knobs, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return which words occur (n, n_words), 0 or 1, independent given the category and the leaking factors.

    Without a leak of a factor the words are independent of it given the category. With one, its log-odds
    given category and words are linear in the words, so a logistic text model can be exactly right.
    """
    usual = rng.uniform(-2, 0, knobs.n_words)
    topical = CATEGORY_LOADING * rng.standard_normal((knobs.n_categories, knobs.n_words))
    uniform = rng.random((len(z), knobs.n_words), dtype=np.float32)
    # One row of rates per combination of labels, not per row of text.
    codes = np.stack(np.meshgrid(np.arange(knobs.n_categories), [0, 1], [0, 1], indexing="ij"), -1)
    combination = codes.reshape(-1, 3)
    logits = usual + topical[combination[:, 0]] + combination[:, 1:] @ leak_loadings(knobs)
    rates = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return (uniform < rates[4 * category + 2 * z + w]).astype(np.float32)


def draw_image(knobs: Knobs, spared: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return where each word moves x (n_words, d), in a random direction off the coordinates ``spared``."""
    image = rng.standard_normal((knobs.n_words, knobs.d))
    image[:, spared] = 0
    image *= WORD_GAIN / np.linalg.norm(image, axis=1, keepdims=True)
    return image.astype(np.float32)
