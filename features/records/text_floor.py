"""Text floors: what words, characters or length alone say about a label, on the very split of the probes."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

FloorKind = Literal["words", "characters", "length"]
NGramKind = Literal["words", "characters"]
FloatArray = npt.NDArray[np.float64]

PENALTY = 0.03
"""Inverse of scikit-learn's C. TF-IDF rows have length 1 and want little shrinkage: on 5,866 public prompts
words reach AUROC .944 with a penalty of 1 and .969 with .03, and a weak floor would flatter every probe."""

PENALTIES = (0.01, PENALTY, 0.1)
"""Penalties tried for words and characters where one is chosen; around the best on public safety prompts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorScores:
    """Scores of the test rows, from their text alone."""

    classes: tuple[Hashable, ...]
    """The labels seen in training, sorted."""

    decision: FloatArray
    """Log-odds (nats) of ``classes[1]`` (n_test,) for two classes, else (n_test, n_classes) up to a shift."""

    probabilities: FloatArray
    """(n_test, n_classes)"""


def text_floor(kind: FloorKind, *, penalty: float = PENALTY, seed: int = 0) -> Pipeline:
    """Return an unfitted classifier of texts: TF-IDF words (1-2), characters (3-5), or length, then logistic.

    ``penalty`` is the inverse of scikit-learn's C.

    Raises
    ------
    ValueError : the kind is unknown.
    """
    makers: dict[str, Callable[[], list[object]]] = {
        "words": lambda: [word_vectorizer()],
        "characters": lambda: [character_vectorizer()],
        "length": lambda: [FunctionTransformer(_lengths), StandardScaler()],
    }
    if kind not in makers:
        raise ValueError(f"kind must be one of {', '.join(get_args(FloorKind))}, got {kind!r}.")
    steps = [(type(step).__name__.lower(), step) for step in makers[kind]()]
    return Pipeline([*steps, ("logistic", floor_model(penalty=penalty, seed=seed))])


def floor_model(*, penalty: float = PENALTY, seed: int = 0) -> LogisticRegression:
    """Return the unfitted classifier of every floor, whatever features of the text it reads.

    ``penalty`` is the inverse of scikit-learn's C.

    Raises
    ------
    ValueError : it is not above zero.
    """
    if not penalty > 0:
        raise ValueError(f"penalty must be above 0, got {penalty}.")
    return LogisticRegression(C=1 / penalty, max_iter=2000, random_state=seed)


def word_vectorizer() -> TfidfVectorizer:
    """Return an unfitted TF-IDF of single words and pairs, one-letter words included."""
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")


def character_vectorizer() -> TfidfVectorizer:
    """Return an unfitted TF-IDF of runs of 3 to 5 characters, none of which crosses a word's end."""
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)


def ngram_features(
    texts: Sequence[str], kind: NGramKind, *, train: npt.NDArray[np.intp], test: npt.NDArray[np.intp]
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return TF-IDF (n_train, p) and (n_test, p), vocabulary and weights from the training rows alone.

    They are what the vectorizer of a floor makes of these rows. A vocabulary of the training rows is the
    columns that they count, so that the same texts are cut into words or characters once for many splits.

    Raises
    ------
    ValueError : no training text holds a word.
    """
    counts = _ngram_counts(tuple(texts), kind)
    own = counts[train]
    known = np.flatnonzero(own.getnnz(axis=0))
    if not len(known):
        raise ValueError(f"No training text holds a word, so there is no floor of {kind}.")
    weighting = TfidfTransformer(sublinear_tf=True)
    return weighting.fit_transform(own[:, known]), weighting.transform(counts[test][:, known])


@lru_cache(maxsize=2)
def _ngram_counts(texts: tuple[str, ...], kind: NGramKind) -> sparse.csr_matrix:
    """Return how often each word or run of characters stands in each text (n_texts, p), in sorted columns."""
    vectorizer = word_vectorizer() if kind == "words" else character_vectorizer()
    names = CountVectorizer().get_params().keys()
    settings = {name: value for name, value in vectorizer.get_params().items() if name in names}
    try:
        return CountVectorizer(**settings).fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        return sparse.csr_matrix((len(texts), 0), dtype=np.float64)


def floor_scores(
    texts: Sequence[str],
    y: Sequence[Hashable],
    *,
    train: npt.NDArray[np.intp],
    test: npt.NDArray[np.intp],
    kind: FloorKind = "words",
    penalty: float = PENALTY,
) -> FloorScores:
    """Fit a floor on the training rows only and return the scores of the test rows.

    ``texts`` and ``y`` are (n_rows,), ``train`` and ``test`` row indices. Rows without a label must be in
    neither. Every fitted part, the vocabulary included, sees training rows only.

    Raises
    ------
    ValueError : rows in both parts, an unlabelled row, one class, or training texts without a word.
    TypeError : one text instead of several, or an entry that is none.
    """
    if isinstance(texts, str):
        raise TypeError(f"texts must be a list of texts, got one text ({texts[:20]!r}).")
    texts, y = list(texts), [None if label != label else label for label in y]
    for place in [*train, *test]:
        if not isinstance(texts[place], str):
            raise TypeError(f"texts must hold text in every row, got {texts[place]!r} in row {place}.")
    if shared := np.intersect1d(train, test).size:
        raise ValueError(f"{shared} rows are in both train and test; take them out of one.")
    if len(texts) != len(y):
        raise ValueError(f"texts and y must have one entry per row; got {len(texts)} and {len(y)}.")
    if missing := sum(y[row] is None for row in train):
        raise ValueError(f"{missing} training rows have no label; leave them out of train.")
    classes = tuple(sorted({y[row] for row in train}, key=lambda label: (str(type(label)), label)))
    if len(classes) < 2:
        raise ValueError(f"The training rows hold one class only ({classes}); a floor needs two.")
    codes = {label: code for code, label in enumerate(classes)}
    model: Pipeline | LogisticRegression
    if kind == "words" or kind == "characters":
        model = floor_model(penalty=penalty)
        known, held_out = ngram_features(texts, kind, train=train, test=test)
    else:
        model = text_floor(kind, penalty=penalty)
        known, held_out = ([texts[row] for row in rows] for rows in (train, test))
    model.fit(known, [codes[y[row]] for row in train])
    return FloorScores(
        classes=classes,
        decision=model.decision_function(held_out),
        probabilities=model.predict_proba(held_out),
    )


def _lengths(texts: Sequence[str]) -> FloatArray:
    """Return (n_texts, 2): the logarithms of the numbers of characters and of words."""
    return np.log1p([[len(text), len(text.split())] for text in texts])
