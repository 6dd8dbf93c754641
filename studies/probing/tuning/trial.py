"""One trial on the inner folds, and the refit of the best one: all on training rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from unsinter.probes.arrays import Layers
from unsinter.probes.families.family import Conditions, Solver
from unsinter.probes.tasks import Task
from unsinter.studies.data.site_readers import FloatArray, ReadSite
from unsinter.studies.data.sites import NAN, Site
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.tuning.space import Candidate
from unsinter.studies.probing.types import score


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """The training rows of a target, and of no other row anything.

    Attributes
    ----------
    target : with the labels of these rows alone (n_train,).
    weights, inner, groups : (n_train,) weight, inner fold, and what never straddles folds.
    penalties : tried in every trial of a family that has one, at no cost in trials.
    """

    target: Target
    weights: FloatArray
    inner: NDArray[np.intp]
    groups: NDArray[Any]
    penalties: Sequence[float]
    seed: int

    @property
    def folds(self) -> NDArray[np.intp]:
        """Inner folds, in the order in which a trial sees them."""
        return np.unique(self.inner)

    def task_without(self, fold: int) -> Task:
        """Return the task of the rows outside an inner fold."""
        return Task(
            codes=self.target.codes,
            n_classes=len(self.target.order),
            weights=np.where(self.inner != fold, self.weights, 0.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a trial came to.

    Attributes
    ----------
    values : running mean of the score after each fold; shorter than the folds where it was pruned.
    out_of_fold : (n_train,) or (n_train, n_classes) scores by the fold that had not seen the row.
    """

    values: list[float]
    penalty: float
    out_of_fold: FloatArray
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One candidate fitted on some rows: scores (n_penalties, n_train[, n_classes]) and weights of each."""

    scores: FloatArray
    layers: Sequence[Layers]
    converged: Sequence[bool]


@dataclass(frozen=True, slots=True)
class TrainRows:
    """Activations, and the rows of them that trials may see."""

    read: ReadSite
    train: NDArray[np.intp]


def run_trial_at(
    X: FloatArray,
    site: Site,
    candidate: Candidate,
    train: NDArray[np.intp],
    training: TrainingRows,
    bars: Sequence[float],
) -> TrialResult:
    """Return what a trial at a site leaves; X holds all rows, of which it sees those of training."""
    return run_trial(X[train], candidate, training, bars)


def run_trial(
    X: FloatArray,
    candidate: Candidate,
    training: TrainingRows,
    bars: Sequence[float],
    *,
    is_last: bool = False,
) -> TrialResult:
    """Score a candidate on the inner folds of X (n_train, d_model), fold by fold.

    Parameters
    ----------
    bars : per fold, the running mean below which the trial stops (see ``pruning_bars``).
    is_last : keep the out-of-fold scores; otherwise they stay empty.
    """
    started = time.perf_counter()
    penalties = penalties_of(candidate, training)
    values: list[float] = []
    by_fold, scores_by_fold = [], []
    # One thread per trial: sums in another order differ in their last bits, and so might the choice.
    with threadpool_limits(limits=1):
        conditions = candidate.conditions(groups=training.groups, seed=training.seed)
        solver = _shared_solver(X, candidate, conditions)
        for fold, bar in zip(training.folds, bars, strict=True):
            task = training.task_without(fold)
            (fitted,) = fit_candidate(
                X, candidate, tasks=[task], penalties=penalties, conditions=conditions, solver=solver
            )
            unseen = training.inner == fold
            by_fold.append([_score(training.target, s[unseen], unseen) for s in fitted.scores])
            scores_by_fold.append(fitted.scores[:, unseen])
            values.append(float(np.mean(by_fold, axis=0).max()))
            if max(values) < bar:
                break
    means = np.mean(by_fold, axis=0)
    best = max(range(len(penalties)), key=lambda column: (means[column], penalties[column]))
    return TrialResult(
        values=values,
        penalty=penalties[best] if candidate.family.has_penalty else NAN,
        out_of_fold=_together(scores_by_fold, best, training) if is_last else np.empty(0),
        seconds=time.perf_counter() - started,
    )


def penalties_of(candidate: Candidate, training: TrainingRows) -> Sequence[float]:
    """Return the penalties a trial tries; one that nothing reads where the family has none."""
    return training.penalties if candidate.family.has_penalty else training.penalties[:1]


def fit_candidate(
    X: FloatArray,
    candidate: Candidate,
    *,
    tasks: Sequence[Task],
    penalties: Sequence[float],
    conditions: Conditions,
    solver: Solver | None = None,
) -> list[Fitted]:
    """Fit tasks on X (n_examples, d_model), each from the rows that it trains alone, and score all rows.

    ``solver`` is that of the family on X where one is at hand already.
    """
    family = candidate.family
    if candidate.reduction and not family.reduces:
        return [_fit_reduced(X, candidate, task, penalties, conditions) for task in tasks]
    solver = solver or family.make_solver(X, conditions)
    # A shared solve moves numbers within its tolerance: tasks of a linear family are solved one by one.
    parts = [tasks] if family.reduces else [[task] for task in tasks]
    fits = [fit for part in parts for fit in solver.fit(part, penalties)]
    return [
        Fitted(
            scores=fit.scores,
            layers=[fit.layers(index) for index in range(len(penalties))],
            converged=list(fit.converged),
        )
        for fit in fits
    ]


def _fit_reduced(
    X: FloatArray, candidate: Candidate, task: Task, penalties: Sequence[float], conditions: Conditions
) -> Fitted:
    reduction = _Reduction(X[task.trains], candidate.reduction, seed=conditions.seed)
    (fit,) = candidate.family.make_solver(reduction.apply(X), conditions).fit([task], penalties)
    layers = [reduction.fold_in(fit.layers(index)) for index in range(len(penalties))]
    return Fitted(scores=fit.scores, layers=layers, converged=list(fit.converged))


class _Reduction:
    """The first principal components of standardised columns, of the rows that train alone."""

    def __init__(self, X: FloatArray, n_components: int, *, seed: int) -> None:
        self.scaler = StandardScaler().fit(np.asarray(X, dtype=np.float64))
        most = min(n_components, *X.shape)  # the shortest prefixes of a code have fewer rows than components
        with np.errstate(invalid="ignore"):  # of a constant site the share of variance, unread here, is 0 / 0
            self.pca = PCA(most, random_state=seed).fit(self.scaler.transform(X))

    def apply(self, X: FloatArray) -> FloatArray:
        """Return the components (n, n_components)."""
        return self.pca.transform(self.scaler.transform(np.asarray(X, dtype=np.float64)))

    def fold_in(self, layers: Layers) -> Layers:
        """Return maps of the components as maps of raw activations."""
        (weight, bias), *rest = layers
        of_standard = weight @ self.pca.components_
        of_raw = of_standard / self.scaler.scale_
        return ((of_raw, bias - of_raw @ self.scaler.mean_ - of_standard @ self.pca.mean_), *rest)


def _shared_solver(X: FloatArray, candidate: Candidate, conditions: Conditions) -> Solver | None:
    """Return the solver that all folds share; None where each reduces its inputs by rows of its own."""
    is_shared = candidate.family.reduces or not candidate.reduction
    return candidate.family.make_solver(X, conditions) if is_shared else None


def _score(target: Target, scores: FloatArray, unseen: NDArray[np.bool_]) -> float:
    if np.isnan(scores).any():
        return 0.0  # a probe that diverged tells nothing; the trial counts, as the worst
    return float(score(target, scores, target.labels[unseen])[0])


def _together(scores_by_fold: list[FloatArray], best: int, training: TrainingRows) -> FloatArray:
    out_of_fold = np.empty((len(training.inner), *scores_by_fold[0].shape[2:]))
    for fold, scores in zip(training.folds, scores_by_fold, strict=True):
        out_of_fold[training.inner == fold] = scores[best]
    return out_of_fold
