"""Splits that leave one source or one category out of everything that chooses or fits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.probes.metrics import auroc
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.splits import Split, hold_out_each, outer_split
from unsinter.studies.data.targets import Names
from unsinter.studies.study.built_in_targets import HARM
from unsinter.studies.transfer.plans import Examples, Labels, RowIndex, Side

HeldOutKind: TypeAlias = Literal["source", "category"]
OWN, OTHERS = "own", "held-out rows of the others"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One source or category held out.

    Attributes
    ----------
    train : rows that choose and fit: the study's training rows without it, without any group of ``test``.
    inner : (n_train,) fold of each of them.
    is_positive : (n_examples,) truth: harmful, or of the positive class of another target.
    test : its positive and other rows on both sides of the study's split; a class with too few groups is
        taken from the study's held-out rows of the others, as ``positives`` and ``negatives`` say.
    digest : SHA-256 of ids and folds, fold 0 tested.
    """

    kind: HeldOutKind
    value: str
    train: RowIndex
    inner: RowIndex
    is_positive: NDArray[np.bool_]
    test: Side
    positives: str
    negatives: str
    digest: str

    @property
    def tested(self) -> RowIndex:
        """All rows tested on, positive ones first."""
        return np.r_[self.test.positive, self.test.negative]

    def fold_scores(self, scores: Sequence[FloatArray]) -> FloatArray:
        """Return the mean inner AUROC (n_penalties,) of one (n_penalties, n_validated) array per fold."""
        folds = []
        for fold, own in enumerate(scores):
            truth = self.is_positive[self.train[self.inner == fold]]
            folds.append([auroc(row, truth)[0] for row in own])
        return np.mean(folds, axis=0)


def hold_outs(
    kind: HeldOutKind,
    examples: Examples,
    dataset: Dataset,
    *,
    inner_folds: int,
    seed: int,
    min_groups: int,
) -> Iterator[HeldOut]:
    """Yield one split per source or category that can be held out, for the target of the examples.

    Rows that may belong to it unnamed (no source; harmful without a category) never train.
    """
    labels, groups = examples.labels, dataset.groups
    values = values_of(kind, dataset)
    is_known = examples.is_present & (examples.positive | examples.negative)
    known = np.flatnonzero(is_known & ((values != "") | _needs_no_value(kind, dataset.harm)))
    for value, train, test in hold_out_each([str(v) or None for v in values[known]], groups[known].tolist()):
        train, own = known[train], known[test]
        train = train[~dataset.is_test[train]]
        sides, origin = {}, {}
        for label in reversed(examples.classes):
            rows = own[labels[own] == label]
            others = known[dataset.is_test[known] & (labels[known] == label) & (values[known] != value)]
            has_own = _n_groups(groups, rows) >= min_groups
            sides[label], origin[label] = (rows, OWN) if has_own else (others, OTHERS)
        tested = np.concatenate([*sides.values()])
        train = train[~np.isin(groups[train], groups[tested])]
        enough = [_n_groups(groups, train[labels[train] == label]) >= min_groups for label in sides]
        if OWN not in origin.values() or not all(enough) or not all(map(len, sides.values())):
            continue
        inner = np.array(_inner(examples, train, n_folds=inner_folds, seed=seed))
        if not _every_fold_holds_both(inner, labels[train]):
            continue
        negative, positive = examples.classes
        yield HeldOut(
            kind=kind,
            value=value,
            train=train,
            inner=inner,
            is_positive=examples.positive,
            test=Side(positive=sides[positive], negative=sides[negative]),
            positives=origin[positive],
            negatives=origin[negative],
            digest=_split_of(dataset, tested, train, inner).digest,
        )


def values_of(kind: HeldOutKind, dataset: Dataset) -> Names:
    """Return source or harm category of each prompt (n_prompts,), empty where it has none."""
    return dataset.sources if kind == "source" else dataset.categories


def _needs_no_value(kind: HeldOutKind, harm: Labels) -> NDArray[np.bool_]:
    return np.asarray((harm == HARM[False]) & (kind == "category"))


def _inner(examples: Examples, train: RowIndex, *, n_folds: int, seed: int) -> tuple[int, ...]:
    ids, groups = examples.ids[train].tolist(), examples.groups[train].tolist()
    strata = examples.labels[train].tolist()
    return outer_split(ids, groups, strata=strata, n_folds=n_folds, seed=seed).folds


def _split_of(dataset: Dataset, tested: RowIndex, train: RowIndex, inner: RowIndex) -> Split:
    """Return fold 0 for the rows tested on; LeakageError where a group is on both sides."""
    rows = np.r_[tested, train]
    folds = np.r_[np.zeros(len(tested), int), inner + 1]
    return Split(
        ids=tuple(dataset.ids[rows].tolist()),
        groups=tuple(dataset.groups[rows].tolist()),
        folds=tuple(folds.tolist()),
    )


def _every_fold_holds_both(inner: RowIndex, labels: Labels) -> bool:
    return all(len(np.unique(labels[inner == fold])) == 2 for fold in np.unique(inner))


def _n_groups(groups: Labels, rows: RowIndex) -> int:
    return len(np.unique(groups[rows]))
