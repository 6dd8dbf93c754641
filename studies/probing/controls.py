"""Control task and shuffled labels: what a probe scores where there is nothing to find."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.metrics import auroc, group_draws, macro_f1, percentile_interval
from unsinter.probes.permutation import shuffle_over_groups
from unsinter.probes.row_values import class_indices, known_values, row_weights
from unsinter.probes.tasks import Task

FEWEST_GROUPS = 30
"""Groups of two or more labelled training rows that a control task needs."""

N_SHUFFLES = 30
"""Draws of shuffled labels averaged: one strays by up to .1 of AUROC, their mean by less than .02."""

N_CANDIDATES = 25
"""Shuffles of which the one nearest to chance is taken, for each draw."""

N_DRAWS = 500
"""Draws of whole groups behind a control's interval."""


@dataclass(frozen=True, kw_only=True)
class ControlTask:
    """Random labels per group, and which rows of each group train and which are scored.

    Attributes
    ----------
    codes : (n_examples,) the group's random class; -1 outside the task.
    fit_rows, score_rows : row indices, both training rows of the study; every group has rows in both.
    score_groups : (n_score,) number of the group of each scored row.
    seed : of the draws of groups behind the interval.
    """

    codes: NDArray[np.intp]
    n_classes: int
    fit_rows: NDArray[np.intp]
    score_rows: NDArray[np.intp]
    score_groups: NDArray[np.intp]
    seed: int = 0

    @property
    def task(self) -> Task:
        """What to fit."""
        weights = np.zeros(len(self.codes))
        weights[self.fit_rows] = 1
        return Task(codes=self.codes, n_classes=self.n_classes, weights=weights)

    def score(self, scores: FloatArray) -> float:
        """Return the AUROC or macro-F1 of scores (n_examples,) or (n_examples, n_classes) of all rows.

        Selectivity is the probe's score less this, in the same metric.
        """
        return float(self._scores(scores, np.ones((1, len(self.score_rows))))[0])

    def interval(self, scores: FloatArray) -> tuple[float, float]:
        """Return the 95 % interval of that score over the task's groups.

        What is drawn is groups: the random labels are those of this one dealing.
        """
        return percentile_interval(self._scores(scores, self.draws))

    @property
    def n_groups(self) -> int:
        """Independent groups of the task."""
        return len(np.unique(self.score_groups))

    @cached_property
    def draws(self) -> FloatArray:
        """Bootstrap weights (n_draws, n_score) of the scored rows."""
        return group_draws(self.score_groups, n_draws=N_DRAWS, seed=self.seed)

    def _scores(self, scores: FloatArray, weights: FloatArray) -> FloatArray:
        truth, unseen = self.codes[self.score_rows], np.asarray(scores)[self.score_rows]
        if unseen.ndim == 1:
            return auroc(unseen, truth == 1, weights=weights)
        return macro_f1(unseen.argmax(axis=1), truth, weights=weights)


def control_task(
    codes: LabelArray, groups: LabelArray, rows: NDArray[np.intp], *, n_classes: int, seed: int
) -> ControlTask | None:
    """Return a control task (Hewitt & Liang 2019, 1909.03368).

    None for fewer than ``FEWEST_GROUPS`` groups of two or more rows, and where these are all of one class.

    Every group gets one random class, in the shares that the target's classes have in these rows. Groups
    never straddle the study's split, so the task lives inside the training rows: half of each group's rows
    (rounded up) train, the others are scored. Only a probe that can memorise what the rows of a group share,
    its surface, does well.

    Parameters
    ----------
    codes, groups : (n_examples,) the target's class codes, -1 where missing, and groups.
    rows : training rows of the target.
    """
    families = _families(codes, groups, rows)
    if len(families) < FEWEST_GROUPS or len(np.unique(np.asarray(codes)[np.concatenate(families)])) < 2:
        return None
    rng = np.random.default_rng(seed)
    dealt = rng.permutation(_quota(np.asarray(codes)[np.concatenate(families)], n_classes, len(families)))
    control = np.full(len(codes), -1, dtype=np.intp)
    fit, scored = [], []
    numbers = np.full(len(codes), -1, dtype=np.intp)
    for number, (family, code) in enumerate(zip(families, dealt, strict=True)):
        control[family], numbers[family] = code, number
        shuffled = rng.permutation(family)
        half = (len(family) + 1) // 2
        fit.append(shuffled[:half])
        scored.append(shuffled[half:])
    score_rows = np.sort(np.concatenate(scored))
    return ControlTask(
        codes=control,
        n_classes=n_classes,
        fit_rows=np.sort(np.concatenate(fit)),
        score_rows=score_rows,
        score_groups=numbers[score_rows],
        seed=seed,
    )


def shuffled_codes(
    codes: LabelArray,
    groups: LabelArray,
    rows: NDArray[np.intp],
    *,
    seed: int,
    weights: FloatArray | None = None,
    units: LabelArray | None = None,
) -> list[NDArray[np.intp]]:
    """Return codes (n_examples,), each shuffled over whole groups of the training rows, -1 everywhere else.

    Score a probe of these on the *true* held-out labels, the very rows and truth of the score beside it, so
    that the training labels are all that differs. Shuffled held-out labels would add chance of their own and
    hide what the control is for: held-out labels that reach a fit.

    A plain shuffle agrees with the true labels a little more or less often than chance has it, and where the
    activations hold them along one strong direction, that little turns the whole probe: one draw then scores
    anything from .1 to .9. So every draw is the one of ``N_CANDIDATES`` shuffles that brings the sum of the
    chance-corrected agreements so far nearest to zero: each is close to it, and their mean is zero. What is
    left of the spread is what the other directions give.

    Parameters
    ----------
    codes, groups : (n_examples,) class codes, -1 where missing, and groups.
    rows : training rows.
    weights : (n_examples,) of rows in training; agreement is counted as the fit counts rows. None: once each.
    units : (n_examples,) what inside a group keeps its labels together, as the samples of a prompt: dealt one
        by one they would be a smoother label than any prompt has. None: each row.
    """
    codes = class_indices(codes, least=-1)
    rows = np.asarray(rows)[codes[rows] >= 0]
    own, names = codes[rows], known_values(groups, len(codes), name="groups")[rows]
    together = None if units is None else known_values(units, len(codes), name="units")[rows]
    w = np.ones(len(rows)) if weights is None else row_weights(weights, len(codes), name="weights")[rows]
    seeds = np.random.SeedSequence(seed).generate_state(N_SHUFFLES * N_CANDIDATES)
    shuffles = []
    total = 0.0
    for candidates in seeds.reshape(N_SHUFFLES, N_CANDIDATES).tolist():
        drawn = [shuffle_over_groups(own, names, seed=candidate, units=together) for candidate in candidates]
        agreement = [chance_corrected_agreement(shuffled, own, weights=w) for shuffled in drawn]
        best = int(np.abs(np.array(agreement) + total).argmin())
        total += agreement[best]
        shuffles.append(np.full(len(codes), -1, dtype=np.intp))
        shuffles[-1][rows] = drawn[best]
    return shuffles


def chance_corrected_agreement(one: LabelArray, other: LabelArray, *, weights: FloatArray) -> float:
    """Return the weighted share of rows (n,) on which two labellings agree, less what their shares explain.

    Of two classes it is twice their covariance; zero where neither tells anything of the other.
    """
    share = weights / weights.sum()
    classes = np.unique(np.concatenate([one, other]))
    expected = sum((share @ (one == name)) * (share @ (other == name)) for name in classes)
    return float(share @ (one == other) - expected)


def _families(codes: LabelArray, groups: LabelArray, rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return the labelled training rows of each group that has two or more of them."""
    codes = class_indices(codes, least=-1)
    rows = np.asarray(rows)[codes[rows] >= 0]
    if not len(rows):
        return []
    _, index = np.unique(known_values(groups, len(codes), name="groups")[rows], return_inverse=True)
    order = np.argsort(index, kind="stable")
    return [part for part in np.split(rows[order], np.cumsum(np.bincount(index))[:-1]) if len(part) > 1]


def _quota(codes: LabelArray, n_classes: int, n: int) -> NDArray[np.intp]:
    """Return ``n`` class codes in the shares of ``codes``, by largest remainder; two of each class present.

    Two, so that a class stays one whatever a rounding does to its share.
    """
    exact = np.bincount(codes, minlength=n_classes) / len(codes) * n
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: n - counts.sum()]] += 1
    for rare in np.flatnonzero((exact > 0) & (counts < 2)):
        missing = 2 - counts[rare]
        counts[rare] += missing
        counts[counts.argmax()] -= missing
    return np.repeat(np.arange(n_classes), counts)
