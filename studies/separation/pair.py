"""Two labellings of the same rows whose representations are to be told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.pair_inputs import (
    factor_codes,
    finer_labels,
    level_labels,
    sure_pair,
    text_input,
    unit_labels,
)

CELLS = ("both", "first_only", "second_only", "neither")
"""Names of the cells (z, w) = (1, 1), (1, 0), (0, 1), (0, 0), in the order of ``Pair.cells``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two binary factors over the rows of a study.

    Attributes
    ----------
    z, w : (n,) the first and second factor: True and False, or 1 and 0. NaN, None, masked, or -1 beside 1 and
        0 is missing, which masks the row; 1 and -1 without any 0 are two classes. Two texts are coded in
        sorted order, the second one 1, which is arbitrary and logged. Afterwards codes 1, 0, -1 (missing).
    groups : (n,) what stays on one side of every split; none may be missing.
    strata : (n,) category of each row, held fixed in every comparison; empty, NaN or None where a row has
        none, which then trains and is compared with no other. None where there is none to hold.
    first_within, second_within : (n,) finer labels held fixed where the first, or second, factor is read and
        tested: z is "this category or another" and w "this wording or another", then the wording must be read
        within every category, not only within "another". None where the factors are as fine as they get.
    text : (n, p) features of the text alone, dense or scipy sparse, or n texts; None where no text is given,
        and then no claim beyond it.
    z_sure, w_sure : probability that an observed label is the true one, by (code 0, code 1), from a confusion
        matrix against people; None takes the labels as they are.

    Arrays may be lists, tuples, pandas, polars or pyarrow columns, torch tensors or masked arrays, (n,) or
    (n, 1); rows are read by place, never by an index. Afterwards all are plain NumPy (text: an array, a
    sparse matrix or a list).

    Raises
    ------
    ValueError : lengths differ, a factor has other values, a group is missing, a probability is not above one
        half. TypeError : a field is no column of values. Both name the field.
    """

    name: str
    z: NDArray[np.integer]
    w: NDArray[np.integer]
    groups: NDArray[np.generic]
    strata: NDArray[np.generic] | None = None
    first_within: NDArray[np.generic] | None = None
    second_within: NDArray[np.generic] | None = None
    text: FloatArray | Sequence[str] | Any | None = None
    z_sure: tuple[float, float] | None = None
    w_sure: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        z = factor_codes(self.z, name="z")
        n = len(z)
        plain: dict[str, Any] = {
            "z": z,
            "w": factor_codes(self.w, n, name="w"),
            "groups": unit_labels(self.groups, n, name="groups"),
        }
        rows = np.flatnonzero((z >= 0) & (plain["w"] >= 0))
        if self.strata is not None:
            plain["strata"] = level_labels(self.strata, n, name="strata")
        for name in ("first_within", "second_within"):
            if (finer := getattr(self, name)) is not None:
                plain[name] = finer_labels(finer, n, name=name, rows=rows)
        if self.text is not None:
            plain["text"] = text_input(self.text, n)
        for name in ("z_sure", "w_sure"):
            if (sure := getattr(self, name)) is not None:
                plain[name] = sure_pair(sure, name=name)
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def rows(self) -> NDArray[np.intp]:
        """Rows where both factors are known."""
        return np.flatnonzero((np.asarray(self.z) >= 0) & (np.asarray(self.w) >= 0))

    @property
    def cells(self) -> NDArray[np.intp]:
        """Cell of each of ``rows``, as a place in ``CELLS``."""
        return cell_codes(self.z[self.rows], self.w[self.rows])

    def groups_per_cell(self, groups: NDArray[np.generic] | None = None) -> dict[str, int]:
        """Return independent groups in each cell; of other ``groups`` where given, one per row."""
        groups, cells = (self.groups[self.rows] if groups is None else groups), self.cells
        return {name: len(np.unique(groups[cells == code])) for code, name in enumerate(CELLS)}

    def phi(self) -> float:
        """Return the correlation of the factors over ``rows``; NaN where one is constant."""
        z, w = self.z[self.rows].astype(float), self.w[self.rows].astype(float)
        if len(z) == 0 or z.std() == 0 or w.std() == 0:
            return float("nan")
        return float(np.corrcoef(z, w)[0, 1])


def cell_codes(z: NDArray[np.integer], w: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the place in ``CELLS`` of factors (n,) that are both known."""
    return np.asarray((1 - z) * 2 + (1 - w), dtype=np.intp)
