"""The words as a reader of the same rows: counted once, fitted on training rows only."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from unsinter.features.records.text_floor import PENALTY, floor_model, word_vectorizer
from unsinter.probes.arrays import FloatArray
from unsinter.studies.transfer.plans import RowIndex, Side


class WordReader:
    """Word floors (see ``text_floor``) of one list of texts on many splits.

    A vocabulary of the training rows is the columns that they count, so the texts are read once and every
    fit still knows the words of its own training rows only.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        vectorizer = word_vectorizer()
        names = CountVectorizer().get_params().keys()
        settings = {name: value for name, value in vectorizer.get_params().items() if name in names}
        self._weighting = TfidfTransformer(sublinear_tf=vectorizer.sublinear_tf)
        self._counts = CountVectorizer(**settings).fit_transform(texts).astype(np.float64)

    def scores(self, side: Side, test: RowIndex, *, penalties: Sequence[float] = (PENALTY,)) -> FloatArray:
        """Return log-odds (n_penalties, n_test) of harmful, fitted on the rows of a side."""
        train = np.r_[side.positive, side.negative]
        harmful = np.arange(len(train)) < len(side.positive)
        known = np.flatnonzero(self._counts[train].getnnz(axis=0))
        weighted = self._weighting.fit_transform(self._counts[train][:, known])
        held_out = self._weighting.transform(self._counts[test][:, known])
        fits = [floor_model(penalty=p).fit(weighted, harmful).decision_function(held_out) for p in penalties]
        return np.array(fits)
