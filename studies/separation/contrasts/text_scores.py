"""What the text alone says of both factors, cross-fitted on folds of whole groups."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.tree import DecisionTreeClassifier

from unsinter.features.records.text_floor import NGramKind, floor_model, ngram_features
from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.contrasts.directions import Design, cross_fitted
from unsinter.studies.separation.inputs.column_units import in_float32_range
from unsinter.studies.separation.inputs.held_fixed import covariate_columns, text_length
from unsinter.studies.study.run_options import nothing

_ROOM = 8 * 2**30
"""Bytes that sparse features may take once they are dense."""


def text_or_features(text: Any, rows: NDArray[np.intp]) -> FloatArray | Sequence[str]:
    """Return texts as they are, of features those of ``rows`` (n_rows, p), dense and in a range of float32.

    Raises
    ------
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
    return in_float32_range(text[rows]) if isinstance(text, np.ndarray) else text


_LEAF = 10
"""Training texts in the smallest range of lengths that a tree tells apart."""

READERS: tuple[NGramKind, ...] = ("words", "characters")


def is_raw_text(text: Any) -> bool:
    """Tell texts from features of them, dense or sparse."""
    return not isinstance(text, np.ndarray) and not issparse(text)


def text_scores(
    text: FloatArray | Sequence[str] | None,
    embedding: FloatArray | None,
    designs: Sequence[Design],
    folds: NDArray[np.intp],
    *,
    rows: NDArray[np.intp] | None = None,
    on_fit: Callable[[], None] = nothing,
) -> list[FloatArray]:
    """Return scores (2, n_readers, n) of the first and second factor for each design.

    Texts are read as the floors read them, by words and by characters (TF-IDF, logistic), vocabulary and
    weights fitted outside each fold, and by their length: on a curve, and by a tree that finds any steps.
    Features (n, p) and the mean token embedding are read by the same directions as activations.

    Parameters
    ----------
    text : texts, of which ``rows`` are read, or features (n, p) of the rows that are read.
    rows : (n,) places of texts; None for all of them. Nothing else of the other texts is looked at.
    on_fit : called when texts have been read by one kind of n-grams outside one fold.
    """
    parts: list[list[FloatArray]] = []
    if text is not None and not isinstance(text, np.ndarray):
        rows = np.arange(len(text)) if rows is None else rows
        own = [text[row] for row in rows]
        parts += [_by_floor(text, rows, kind, designs, folds, on_fit) for kind in READERS]
        parts += [_by_length(own, designs, folds)]
        curve = covariate_columns(text_length(own))
        parts += [[np.stack([column, column])] * len(designs) for column in curve.T]
    for features in (text if isinstance(text, np.ndarray) else None, embedding):
        if features is not None:
            parts.append([fit.scores[:2] for fit in cross_fitted(features, designs, folds)])
    return [np.stack([part[place] for part in parts], axis=1) for place in range(len(designs))]


def _by_floor(
    texts: Sequence[str],
    rows: NDArray[np.intp],
    kind: NGramKind,
    designs: Sequence[Design],
    folds: NDArray[np.intp],
    on_fit: Callable[[], None],
) -> list[FloatArray]:
    targets = [np.stack([design.cells < 2, design.cells % 2 == 0]) for design in designs]
    unique = {codes.tobytes(): codes for pair in targets for codes in pair}
    scores = {key: np.empty(len(rows)) for key in unique}
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        if not any(character.isalnum() for row in rows[train] for character in texts[row]):
            raise ValueError(
                "text holds no word in the rows that train a fold where both factors are known; give the "
                "texts of those rows, or leave text out."
            )
        # All texts, so that contrasts over other rows of the same study find them cut into words already.
        seen, unseen = ngram_features(texts, kind, train=rows[train], test=rows[test])
        for key, codes in unique.items():
            scores[key][test] = floor_model().fit(seen, codes[train]).decision_function(unseen)
        on_fit()
    return [np.stack([scores[codes.tobytes()] for codes in pair]) for pair in targets]


def _by_length(texts: list[str], designs: Sequence[Design], folds: NDArray[np.intp]) -> list[FloatArray]:
    lengths = np.array([[len(text), len(text.split())] for text in texts], dtype=np.float64)
    by_fold: list[FloatArray] = []
    for design in designs:
        scores = np.empty((2, len(texts)))
        for place, codes in enumerate((design.cells < 2, design.cells % 2 == 0)):
            for fold in np.unique(folds):
                train, test = folds != fold, folds == fold
                tree = DecisionTreeClassifier(min_samples_leaf=_LEAF, random_state=0)
                share = tree.fit(lengths[train], codes[train]).predict_proba(lengths[test])[:, 1]
                clipped = np.clip(share, 0.5 / _LEAF, 1 - 0.5 / _LEAF)
                scores[place, test] = np.log(clipped / (1 - clipped))
        by_fold.append(scores)
    return by_fold
