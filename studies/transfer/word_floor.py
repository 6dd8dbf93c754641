"""The words as a reader of the same rows: counted once, fitted on training rows only."""

from collections.abc import Sequence

import numpy as np

from unsinter.features.records.text_floor import PENALTY, floor_model, ngram_features
from unsinter.probes.arrays import FloatArray
from unsinter.studies.transfer.plans import RowIndex, Side


class WordReader:
    """Word floors (see ``text_floor``) of one list of texts on many splits."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = list(texts)

    def scores(self, side: Side, test: RowIndex, *, penalties: Sequence[float] = (PENALTY,)) -> FloatArray:
        """Return log-odds (n_penalties, n_test) of harmful, fitted on the rows of a side."""
        train = np.r_[side.positive, side.negative]
        harmful = np.arange(len(train)) < len(side.positive)
        weighted, held_out = ngram_features(self._texts, "words", train=train, test=test)
        fits = [floor_model(penalty=p).fit(weighted, harmful).decision_function(held_out) for p in penalties]
        return np.array(fits)
