"""Two labellings of the same rows whose representations are to be told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.knobs import CELLS
from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.inputs.held_fixed import text_length
from unsinter.studies.separation.inputs.pair_inputs import (
    covariate_table,
    covariate_values,
    factor_codes,
    finer_labels,
    level_labels,
    sure_pair,
    unit_labels,
)
from unsinter.studies.separation.inputs.text_inputs import feature_input, text_input


class FactorWords(NamedTuple):
    """What the factors and their values are called in a reason.

    Attributes
    ----------
    first_values, second_values : words for the values 1 and 0, such as ("harmful", "harmless").
    """

    first: str = "the first factor"
    second: str = "the second factor"
    first_values: tuple[str, str] = ("1 in the first factor", "0 in the first factor")
    second_values: tuple[str, str] = ("1 in the second", "0 in the second")

    def cell(self, name: str) -> str:
        """Return the words for one of ``CELLS``, such as "harmless and refused"."""
        place = CELLS.index(name)
        return f"{self.first_values[place // 2]} and {self.second_values[place % 2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two binary factors over the rows of a study.

    Arrays may be lists, tuples, pandas, polars or pyarrow columns, torch tensors or masked arrays, (n,) or
    (n, 1); rows are read by place, never by an index. Afterwards all are plain NumPy (text: an array, a
    sparse matrix or a list).

    Attributes
    ----------
    z, w : (n,) codes of the first and second factor: 1, 0, or -1 where missing, which masks the row.
    groups : (n,) what stays on one side of every split.
    strata : (n,) category of each row, held fixed in every comparison; None where there is none to hold.
    first_within, second_within : (n,) finer labels held fixed where the first, or second, factor is read and
        tested: z is "this category or another" and w "this wording or another", then the wording must be read
        within every category, not only within "another". None where the factors are as fine as they get.
    text : (n, p) features of the text alone, dense or scipy sparse, or n texts; None where no text is given,
        and then no claim beyond it. The length of texts is held fixed, on a curve.
    embedding : (n, p) mean token embedding of the text; what is read must be read beyond it too.
    covariates : name to (n,) what else is held fixed, such as the source: names, or numbers on a curve.
    z_sure, w_sure : probability that an observed label is the true one, by (code 0, code 1), from a confusion
        matrix against people: (1, 1) for a label that is known to be right. None: how often it errs is not
        known, and no verdict is given that wrong labels could feign.
    words : what the factors are called in reasons.

    Raises
    ------
    ValueError : lengths differ, a factor has other values, a group is missing, a probability is not above one
        half.
    TypeError : a field is no column of values. Both name the field.
    """

    name: str
    z: NDArray[np.integer]
    w: NDArray[np.integer]
    groups: NDArray[np.generic]
    strata: NDArray[np.generic] | None = None
    first_within: NDArray[np.generic] | None = None
    second_within: NDArray[np.generic] | None = None
    text: FloatArray | Sequence[str] | Any | None = None
    embedding: FloatArray | None = None
    covariates: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    z_sure: tuple[float, float] | None = None
    w_sure: tuple[float, float] | None = None
    words: FactorWords = field(default_factory=FactorWords)

    def __post_init__(self) -> None:
        z = factor_codes(self.z, name="z")
        n = len(z)
        plain: dict[str, Any] = {
            "z": z,
            "w": factor_codes(self.w, n, name="w"),
            "groups": unit_labels(self.groups, n, name="groups"),
            "covariates": {
                name: covariate_values(value, n, name=f"covariate {name!r}")
                for name, value in covariate_table(self.covariates).items()
            },
        }
        rows = np.flatnonzero((z >= 0) & (plain["w"] >= 0))
        if self.strata is not None:
            plain["strata"] = level_labels(self.strata, n, name="strata")
        for name in ("first_within", "second_within"):
            if (finer := getattr(self, name)) is not None:
                plain[name] = finer_labels(finer, n, name=name, rows=rows)
        if self.text is not None:
            plain["text"] = text_input(self.text, n)
        if self.embedding is not None:
            plain["embedding"] = feature_input(self.embedding, n, name="embedding")
        for name in ("z_sure", "w_sure"):
            if (sure := getattr(self, name)) is not None:
                plain[name] = sure_pair(sure, name=name)
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def held_fixed(self) -> dict[str, NDArray[np.generic]]:
        """Return what is held fixed beside the category, by name: the covariates, and the length of texts."""
        fixed = dict(self.covariates)
        if isinstance(self.text, list):
            fixed["length"] = text_length(self.text)
        return fixed

    @property
    def errors_are_known(self) -> bool:
        """Whether it is known of both labels how often they err."""
        return self.z_sure is not None and self.w_sure is not None

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
