"""Grouped, stratified splits: made once, checked for leakage, identified by a digest."""

import hashlib
import json
import logging
import warnings
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from unsinter.cache.errors import UnsinterError
from unsinter.probes.plain_arrays import missing_rows
from unsinter.probes.row_values import known_values, row_values

logger = logging.getLogger(__name__)
Rows = npt.NDArray[np.intp]
SHOWN = 5


class SplitError(UnsinterError, ValueError):
    """These rows cannot be split as asked."""


class LeakageError(UnsinterError, ValueError):
    """Groups that stand on two sides of a split; ``groups`` lists them."""

    def __init__(self, groups: Sequence[str]) -> None:
        self.groups = tuple(groups)
        shown = ", ".join(map(repr, self.groups[:SHOWN]))
        more = f" and {len(groups) - SHOWN} more" if len(groups) > SHOWN else ""
        super().__init__(
            f"{len(groups)} groups stand in more than one fold ({shown}{more}); "
            "give every row of a group the same fold."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One fold per row; no group stands in two folds."""

    ids: tuple[str, ...]
    """(n_rows,) one id per row."""

    groups: tuple[str, ...]
    """(n_rows,)"""

    folds: tuple[int, ...]
    """(n_rows,) from 0; row i is tested when fold ``folds[i]`` is held out."""

    def __post_init__(self) -> None:
        for name in ("ids", "groups", "folds"):
            value = getattr(self, name)
            if not isinstance(value, tuple):
                object.__setattr__(self, name, tuple(known_values(value, name=name).tolist()))
        if not len(self.ids) == len(self.groups) == len(self.folds):
            sizes = f"{len(self.ids)} ids, {len(self.groups)} groups and {len(self.folds)} folds"
            raise ValueError(f"A split needs one id, group and fold per row; got {sizes}.")
        if twice := [row for row, count in Counter(self.ids).items() if count > 1]:
            raise ValueError(f"A split needs unique ids; {len(twice)} repeat, such as {twice[0]!r}.")
        if missing := set(range(self.n_folds)) - set(self.folds):
            raise ValueError(f"Fold {min(missing)} of {self.n_folds} holds no row; ask for fewer folds.")
        if leaking := straddling(self.groups, self.folds):
            raise LeakageError(leaking)

    @property
    def n_folds(self) -> int:
        """The number of folds."""
        return max(self.folds, default=-1) + 1

    @property
    def digest(self) -> str:
        """SHA-256 over ids and folds; the order of rows does not change it."""
        rows = sorted(zip(self.ids, self.folds, strict=True))
        return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()

    def test(self, fold: int) -> Rows:
        """Return the indices of the rows held out in ``fold``."""
        self._check(fold)
        return np.flatnonzero(np.asarray(self.folds) == fold)

    def train(self, fold: int) -> Rows:
        """Return the indices of the rows outside ``fold``."""
        self._check(fold)
        return np.flatnonzero(np.asarray(self.folds) != fold)

    def inner(
        self, fold: int, *, strata: Sequence[Hashable], n_folds: int = 4, seed: int = 0
    ) -> Iterator[tuple[Rows, Rows]]:
        """Yield (train, test) row indices of inner folds, all of them training rows of outer ``fold``."""
        rows = self.train(fold)
        strata = _by_place(strata, len(self.ids))
        within = outer_split(
            [self.ids[i] for i in rows],
            [self.groups[i] for i in rows],
            strata=[strata[i] for i in rows],
            n_folds=n_folds,
            seed=seed,
        )
        for inner_fold in range(n_folds):
            yield rows[within.train(inner_fold)], rows[within.test(inner_fold)]

    def _check(self, fold: int) -> None:
        if not 0 <= fold < self.n_folds:
            raise ValueError(f"fold must be from 0 to {self.n_folds - 1}, got {fold}.")


def straddling(groups: Sequence[str], sides: Sequence[Hashable]) -> list[str]:
    """Return the groups whose rows stand on more than one side, sorted."""
    first: dict[str, Hashable] = {}
    names = {
        group for group, side in zip(groups, sides, strict=True) if first.setdefault(group, side) != side
    }
    return sorted(names)


def outer_split(
    ids: Sequence[str],
    groups: Sequence[str],
    *,
    strata: Sequence[Hashable] | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> Split:
    """Return folds of whole groups, with the strata spread as evenly as whole groups allow.

    ``strata`` is one value per row, such as (harmful, label); None and NaN count as one value. Columns of
    pandas and other arrays are read by place. The same rows in any order give the same folds.

    Raises
    ------
    SplitError : there are fewer groups than folds.
    ValueError : lengths differ, an id or a group is missing, or ``n_folds`` is below 2.
    """
    if n_folds < 2:
        raise ValueError(f"n_folds must be at least 2, got {n_folds}.")
    ids, groups = (known_values(v, name=name).tolist() for v, name in ((ids, "ids"), (groups, "groups")))
    strata = [None] * len(ids) if strata is None else _by_place(strata)
    if not len(ids) == len(groups) == len(strata):
        sizes = f"{len(ids)} ids, {len(groups)} groups and {len(strata)} strata"
        raise ValueError(f"A split needs one id, group and stratum per row; got {sizes}.")
    if len(set(groups)) < n_folds:
        raise SplitError(
            f"{n_folds} folds need at least {n_folds} groups, got {len(set(groups))}; "
            "ask for fewer folds or add data."
        )
    order = sorted(range(len(ids)), key=lambda row: ids[row])
    folds = np.empty(len(ids), dtype=int)
    folds[order] = _folds(_codes(strata)[order], _codes(groups)[order], n_folds, seed)
    return Split(ids=tuple(ids), groups=tuple(groups), folds=tuple(folds.tolist()))


def hold_out_each(values: Sequence[str | None], groups: Sequence[str]) -> Iterator[tuple[str, Rows, Rows]]:
    """Yield (value, train, test) for each source or category held out in turn.

    Rows whose group also stands among the held-out rows are left out of training; None is never held out.
    """
    listed, groups = _by_place(values), known_values(groups, name="groups").tolist()
    for value in sorted({str(value) for value in listed if value is not None}):
        test = np.array([other is not None and str(other) == value for other in listed])
        shared = {group for group, held_out in zip(groups, test, strict=True) if held_out}
        train = np.array([group not in shared for group in groups])
        yield value, np.flatnonzero(train), np.flatnonzero(test)


def _by_place(values: Sequence[Hashable], n: int | None = None) -> list[Hashable]:
    """Return one value per row, in order whatever the index; every missing one is None.

    Raises
    ------
    ValueError : another length than ``n``, or no column of values.
    """
    if isinstance(values, list | tuple):  # tuples of labels among them: no array holds those
        listed = list(values)
        gaps = [value is None or (isinstance(value, float) and value != value) for value in listed]
    else:
        rows = row_values(values, name="strata")
        listed, gaps = rows.tolist(), missing_rows(rows).tolist()
    if n is not None and len(listed) != n:
        raise ValueError(f"strata must hold one value for each of {n} rows, got {len(listed)}.")
    return [None if gap else value for value, gap in zip(listed, gaps, strict=True)]


def _codes(values: Sequence[Hashable]) -> npt.NDArray[np.intp]:
    """Number the values in an order that no row order changes."""
    numbers = {value: number for number, value in enumerate(sorted(set(values), key=repr))}
    return np.array([numbers[value] for value in values], dtype=np.intp)


def _folds(
    strata: npt.NDArray[np.intp], groups: npt.NDArray[np.intp], n_folds: int, seed: int
) -> npt.NDArray[np.intp]:
    """Return the fold of each row (n_rows,)."""
    counts = np.bincount(strata)
    rare = counts[strata] < n_folds
    if rare.any():
        # Too few rows to stand in every fold: spread together, as one stratum, rather than refused.
        logger.info("%d rows of %d rare strata are spread as one", rare.sum(), np.unique(strata[rare]).size)
        strata = np.where(rare, counts.size, strata)
    folds = np.empty(len(strata), dtype=np.intp)
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class in y", category=UserWarning)
        if np.bincount(strata).max() < n_folds:
            strata = np.zeros_like(strata)
        for fold, (_, test) in enumerate(splitter.split(strata, strata, groups)):
            folds[test] = fold
    return folds
