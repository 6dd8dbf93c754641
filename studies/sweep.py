"""One probe per layer and position: chosen inside the training rows, scored once on the held-out rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from unsinter.probes import LogisticProbe
from unsinter.probes.metrics import auroc, macro_f1
from unsinter.studies.targets import Target

Site: TypeAlias = tuple[int, str]
"""(layer, position)."""

FloatArray: TypeAlias = NDArray[np.floating]
ReadSite: TypeAlias = Callable[[int, str], FloatArray]
"""Layer and position to activations (n_examples, d_model)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Which rows of a target train, test and validate; all three keep groups whole.

    Attributes
    ----------
    train, test : row indices.
    inner : (n_train,) inner fold of each training row, used to choose penalty and site.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    inner: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFit:
    """A probe fitted on all training rows at one site, with the penalty the inner folds chose.

    Attributes
    ----------
    inner_score : mean score over the inner folds at that penalty; the site is chosen by it.
    scores : (n_test,) or (n_test, n_classes) held-out scores in nats.
    control_score : what a probe of the same penalty scores on labels shuffled over whole groups, in training
        and in test.
    """

    site: Site
    penalty: float
    inner_score: float
    probe: LogisticProbe
    scores: FloatArray
    control_score: float
    converged: bool


def score(
    target: Target, scores: FloatArray, truth: NDArray[np.str_], *, weights: FloatArray | None = None
) -> FloatArray:
    """Return AUROC of two classes, else macro-F1, for each weighting (n_weightings,)."""
    if target.is_binary:
        return auroc(scores, truth == target.classes[1], weights=weights)
    order = np.array(sorted(target.classes))
    return macro_f1(order[scores.argmax(axis=1)], truth, weights=weights)


def sweep(
    read: ReadSite,
    sites: Sequence[Site],
    target: Target,
    rows: Rows,
    *,
    penalties: Sequence[float],
    control_labels: NDArray[np.str_],
    n_jobs: int = 1,
    on_site: Callable[[], None] = lambda: None,
) -> list[SiteFit]:
    """Fit one probe per site, in the order of ``sites``.

    Parameters
    ----------
    control_labels : (n_examples,) labels shuffled on each side of the split (see ``shuffled_labels``).
    n_jobs : joblib workers; the numbers do not depend on it.
    """
    fits = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(fit_site)(read(*site), site, target, rows, penalties=penalties, control_labels=control_labels)
        for site in sites
    )
    done = []
    for fit in fits:
        done.append(fit)
        on_site()
    return done


def fit_site(
    X: FloatArray,
    site: Site,
    target: Target,
    rows: Rows,
    *,
    penalties: Sequence[float],
    control_labels: NDArray[np.str_],
) -> SiteFit:
    """Choose the penalty on the inner folds, fit on all training rows, score the test rows."""
    y = target.labels
    X_train, y_train = X[rows.train], y[rows.train]
    inner_scores = [_inner_score(X_train, y_train, target, rows.inner, penalty=p) for p in penalties]
    best = int(np.argmax(inner_scores))
    probe = LogisticProbe(penalty=penalties[best]).fit(X_train, y_train)
    control = LogisticProbe(penalty=penalties[best]).fit(X_train, control_labels[rows.train])
    return SiteFit(
        site=site,
        penalty=penalties[best],
        inner_score=float(inner_scores[best]),
        probe=probe,
        scores=logits(probe, X[rows.test], target),
        control_score=_score_of(control, X[rows.test], control_labels[rows.test], target),
        converged=probe.n_iter_ < probe.max_iter,
    )


def chosen(fits: Sequence[SiteFit]) -> SiteFit:
    """Return the fit with the best inner score; of equals, the first. No test row has a say."""
    return max(fits, key=lambda fit: fit.inner_score)


def logits(probe: LogisticProbe, X: FloatArray, target: Target) -> FloatArray:
    """Return scores of ``classes[1]`` (n,), or of the sorted classes (n, n_classes).

    A class that the probe's rows lacked can never be its prediction: its score is minus infinity.
    """
    scores = probe.decision_function(X)
    if target.is_binary:
        return scores if probe.classes_[1] == target.classes[1] else -scores
    known = np.column_stack([-scores, scores]) / 2 if scores.ndim == 1 else scores
    order = sorted(target.classes)
    everything = np.full((len(X), len(order)), -np.inf)
    everything[:, [order.index(name) for name in probe.classes_]] = known
    return everything


def shuffle_over_groups(labels: NDArray[np.str_], groups: NDArray[np.str_], *, seed: int) -> NDArray[np.str_]:
    """Return labels (n,) dealt out again in blocks, group after group in a random order.

    Rows that shared a group get labels that shared one, so labels stay as clustered as they were (to within
    the edges of blocks), but tell nothing of their new rows, not even how large the row's group is. Labels
    are reordered inside each block: where every group is a twin pair, moving blocks alone changes nothing.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    dealt = [rng.permutation(labels[members[k]]) for k in rng.permutation(len(members))]
    shuffled = labels.copy()
    shuffled[np.concatenate([members[k] for k in rng.permutation(len(members))])] = np.concatenate(dealt)
    return shuffled


def shuffled_labels(target: Target, rows: Rows, groups: NDArray[np.str_], *, seed: int) -> NDArray[np.str_]:
    """Return the target's labels (n_examples,) shuffled over groups, within training and within test rows."""
    labels = target.labels.copy()
    for side in (rows.train, rows.test):
        labels[side] = shuffle_over_groups(labels[side], groups[side], seed=seed)
    return labels


def _score_of(probe: LogisticProbe, X: FloatArray, truth: NDArray[np.str_], target: Target) -> float:
    return float(score(target, logits(probe, X, target), truth)[0])


def _inner_score(
    X: FloatArray, y: NDArray[np.str_], target: Target, inner: NDArray[np.intp], *, penalty: float
) -> float:
    scores = []
    for fold in np.unique(inner):
        train, held_out = inner != fold, inner == fold
        probe = LogisticProbe(penalty=penalty).fit(X[train], y[train])
        scores.append(_score_of(probe, X[held_out], y[held_out], target))
    return float(np.mean(scores))
