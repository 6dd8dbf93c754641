"""What the text alone says of both factors, cross-fitted on the folds of the activations."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone

from unsinter.features.text_floor import text_floor
from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.column_units import in_float32_range
from unsinter.studies.separation.directions import Design, cross_fitted

_ROOM = 8 * 2**30
"""Bytes that sparse features may take once they are dense."""


def text_of_rows(text: Any, rows: NDArray[np.intp]) -> FloatArray | list[str]:
    """Return the texts of ``rows``, or their features (n_rows, p), dense and in a range that float32 holds.

    ValueError : sparse features that take too much memory as a dense matrix.
    """
    if issparse(text):
        own = text[rows]
        if (room := own.shape[0] * own.shape[1] * 4) > _ROOM:
            raise ValueError(
                f"text has sparse features {own.shape}, {room / 2**30:.0f} GiB as the dense matrix they are "
                "read as; reduce them to fewer columns, or give the texts themselves."
            )
        return in_float32_range(own.toarray())
    return in_float32_range(text[rows]) if isinstance(text, np.ndarray) else [text[row] for row in rows]


def text_scores(
    text: FloatArray | Sequence[str], designs: Sequence[Design], folds: NDArray[np.intp]
) -> list[FloatArray]:
    """Return scores (2, n) of the first and second factor for each design; higher means the factor is 1.

    Texts are read as the words floor reads them (TF-IDF of words and pairs of words, logistic), vocabulary
    and weights fitted outside each fold. Features (n, p) are read by the same directions as activations.
    """
    if isinstance(text, np.ndarray) and text.dtype.kind == "f":
        return [fit.scores[:2] for fit in cross_fitted(text, _without_comparisons(designs), folds)]
    return _by_words(list(text), designs, folds)


def _by_words(texts: list[str], designs: Sequence[Design], folds: NDArray[np.intp]) -> list[FloatArray]:
    targets = [np.stack([design.cells < 2, design.cells % 2 == 0]) for design in designs]
    unique = {codes.tobytes(): codes for pair in targets for codes in pair}
    scores = {key: np.empty(len(texts)) for key in unique}
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        reader = text_floor("words")
        if not any(character.isalnum() for row in train for character in texts[row]):
            raise ValueError(
                "text holds no word in the rows that train a fold where both factors are known; give the "
                "texts of those rows, or leave text out."
            )
        seen = reader[:-1].fit_transform([texts[row] for row in train])
        unseen = reader[:-1].transform([texts[row] for row in test])
        for key, codes in unique.items():
            scores[key][test] = clone(reader[-1]).fit(seen, codes[train]).decision_function(unseen)
    return [np.stack([scores[codes.tobytes()] for codes in pair]) for pair in targets]


def _without_comparisons(designs: Sequence[Design]) -> list[Design]:
    return [Design(cells=design.cells, strata=design.strata, comparisons=()) for design in designs]
