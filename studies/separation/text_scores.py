"""What the text alone says of both factors, cross-fitted on the folds of the activations."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from unsinter.features.text_floor import text_floor
from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.directions import Design, cross_fitted


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
        seen = reader[:-1].fit_transform([texts[row] for row in train])
        unseen = reader[:-1].transform([texts[row] for row in test])
        for key, codes in unique.items():
            scores[key][test] = clone(reader[-1]).fit(seen, codes[train]).decision_function(unseen)
    return [np.stack([scores[codes.tobytes()] for codes in pair]) for pair in targets]


def _without_comparisons(designs: Sequence[Design]) -> list[Design]:
    return [Design(cells=design.cells, strata=design.strata, comparisons=()) for design in designs]
