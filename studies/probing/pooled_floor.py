"""The floor ``words+model``: the words of the prompt and which model answered, learned from every model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from unsinter.features.records.text_floor import PENALTIES, floor_model, word_vectorizer
from unsinter.studies.data.site_readers import FloatArray
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.floors import Floor, best_on_inner_folds
from unsinter.studies.study.run_options import nothing

NAME = "words+model"


_STUDIED = 0
"""Number of the studied model among those that answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """Every usable answer of every model.

    Attributes
    ----------
    prompt, answering, label : (n_answers,) prompt row, number of the model, class.
    """

    texts: Sequence[str]
    prompt: NDArray[np.intp]
    answering: NDArray[np.intp]
    label: NDArray[np.str_]
    n_models: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAnswers:
    """What every model answered to the prompts of a study.

    Attributes
    ----------
    labels : model -> labels (n_prompts,), the empty string where it has none; other classes than the
        target's are left out.
    studied : the model whose labels the target holds.
    groups : (n_prompts,).
    held_out : (n_prompts,) the study's held-out prompts; nothing is learned from any model's answers to them.
    """

    labels: Mapping[str, NDArray[np.str_]]
    studied: str
    groups: NDArray[np.str_]
    held_out: NDArray[np.bool_]


def n_pooled_fits(rows: Rows) -> int:
    """Return how many fits the pooled floor takes where there is one."""
    return 1 + 2 * len(PENALTIES) * len(np.unique(rows.inner))


def pooled_floor(
    target: Target,
    texts: Sequence[str],
    rows: Rows,
    answers: RecordedAnswers,
    *,
    on_fit: Callable[[], None] = nothing,
) -> Floor | None:
    """Return the floor of prompt words plus which model answered, or None where one model's answers exist.

    It learns how models answer from the training prompts' answers of all of them, those included that the
    studied model did not give a defined label to, and scores the held-out prompts as answered by the studied
    model. Penalty, and whether words act differently for that model (words x model), are chosen on the inner
    folds by its answers. With one model only it would be a copy of ``words``.

    Parameters
    ----------
    texts : (n_prompts,).
    on_fit : called after each of ``n_pooled_fits(rows)`` fits.
    """
    pool, groups = _pool(target, texts, rows, answers), answers.groups
    if len(np.unique(pool.answering)) < 2:
        return None
    options = [(penalty, crossed) for penalty in PENALTIES for crossed in (False, True)]

    def scores(train: NDArray[np.intp], test: NDArray[np.intp], option: tuple[float, bool]) -> FloatArray:
        # Prompts outside the target's rows have no fold: groups say which are too near to learn from.
        kept = ~np.isin(groups[pool.prompt], groups[test])
        return _scores(pool, target, kept, test, option)

    best = best_on_inner_folds(target, rows, options, scores, on_fit=on_fit)
    floor = Floor(name=NAME, kind="text", scores=scores(rows.train, rows.test, best))
    on_fit()
    return floor


def _pool(target: Target, texts: Sequence[str], rows: Rows, answers: RecordedAnswers) -> _Pool:
    names = [answers.studied, *sorted(set(answers.labels) - {answers.studied})]
    usable = ~np.asarray(answers.held_out) & ~np.isin(answers.groups, answers.groups[rows.test])
    # The target's own labels are those that are scored, so they stand for the studied model.
    others = (np.asarray(answers.labels[name], dtype=str) for name in names[1:])
    labels = np.stack([target.labels, *others])
    answering, prompt = np.nonzero(np.isin(labels, target.classes) & usable)
    return _Pool(
        texts=texts,
        prompt=prompt,
        answering=answering,
        label=labels[answering, prompt],
        n_models=len(names),
    )


def _scores(
    pool: _Pool,
    target: Target,
    kept: NDArray[np.bool_],
    test: NDArray[np.intp],
    option: tuple[float, bool],
) -> FloatArray:
    """Fit on the kept answers and score the test prompts as answered by the studied model."""
    penalty, crossed = option
    words = word_vectorizer()
    words.fit([pool.texts[row] for row in np.unique(pool.prompt[kept])])
    X = _features(
        words.transform([pool.texts[row] for row in pool.prompt[kept]]), pool, pool.answering[kept], crossed
    )
    fit = floor_model(penalty=penalty).fit(X, pool.label[kept])
    studied = np.full(len(test), _STUDIED)
    margins = fit.decision_function(
        _features(words.transform([pool.texts[row] for row in test]), pool, studied, crossed)
    )
    if target.is_binary:
        return margins if fit.classes_[1] == target.classes[1] else -margins
    known = np.column_stack([-margins, margins]) / 2 if margins.ndim == 1 else margins
    order = sorted(target.classes)
    scores = np.full((len(test), len(order)), -np.inf)
    scores[:, [order.index(name) for name in fit.classes_]] = known
    return scores


def _features(
    words: sparse.csr_matrix, pool: _Pool, answering: NDArray[np.intp], crossed: bool
) -> sparse.csr_matrix:
    """Return words, a column per model, and, if ``crossed``, the words again for the studied model alone."""
    models = sparse.csr_matrix(np.eye(pool.n_models)[answering])
    parts = [words, models]
    if crossed:
        parts.append(sparse.diags((answering == _STUDIED).astype(float)) @ words)
    return sparse.hstack(parts, format="csr")
