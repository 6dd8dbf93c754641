"""Association of two labellings of the same rows: how far one can be told from the other."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from unsinter.studies.data.group_counts import LabelledRow
from unsinter.studies.study.cells import POSITIVE

Label: TypeAlias = Callable[[LabelledRow], str | None]
Named: TypeAlias = tuple[str, Label]
"""What a label is called, and what reads it from a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """How far one label can be told from another on the rows that carry both."""

    pair: str
    measure: str
    model: str | None
    value: float | None
    """None where one of the two never varies."""


def _contingency(one: Sequence[Hashable], other: Sequence[Hashable]) -> npt.NDArray[np.int64]:
    """Return counts (n_values_of_one, n_values_of_other); rows where either is None are left out."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    rows = {value: place for place, value in enumerate(dict.fromkeys(a for a, _ in pairs))}
    columns = {value: place for place, value in enumerate(dict.fromkeys(b for _, b in pairs))}
    table = np.zeros((len(rows), len(columns)), dtype=np.int64)
    for a, b in pairs:
        table[rows[a], columns[b]] += 1
    return table


def cramers_v(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """Return Cramér's V from 0 to 1, corrected for its bias; None where a labelling has one value only.

    References
    ----------
    Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T.
    """
    table = _contingency(one, other)
    n, (n_rows, n_columns) = int(table.sum()), table.shape
    if min(n_rows, n_columns) < 2 or n < 2:
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi_squared = float(((table - expected) ** 2 / expected).sum()) / n
    excess = max(0.0, phi_squared - (n_rows - 1) * (n_columns - 1) / (n - 1))
    rows = n_rows - (n_rows - 1) ** 2 / (n - 1)
    columns = n_columns - (n_columns - 1) ** 2 / (n - 1)
    # Nearly empty tables shrink a side to one value or below: nothing can be said of them.
    return float(min(1.0, np.sqrt(excess / (min(rows, columns) - 1)))) if min(rows, columns) > 1 else None


def same_labelling(one: Sequence[Hashable], other: Sequence[Hashable]) -> bool:
    """Tell whether two labellings (n,) part rows alike: each value of one stands with one of the other."""
    pairs = set(zip(one, other, strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def phi(one: Sequence[bool | None], other: Sequence[bool | None]) -> float | None:
    """Return the correlation of two binary labels, from -1 to 1; None where one of them never varies."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    columns = np.array(pairs, dtype=float).reshape(-1, 2)
    if len(pairs) < 2 or (columns == columns[0]).all(axis=0).any():
        return None
    return float(np.corrcoef(columns.T)[0, 1])


def label_associations(
    prompts: Sequence[LabelledRow], responses: Sequence[LabelledRow], *, own: Sequence[str] = ()
) -> list[Association]:
    """Return how labels of prompts go together, then, model by model, those of responses.

    ``own`` names the study's own targets.
    """

    def v(one: Named, other: Named, rows: Sequence[LabelledRow], model: str | None = None) -> Association:
        value = cramers_v(*([label(row) for row in rows] for _, label in (one, other)))
        return Association(pair=f"{one[0]}, {other[0]}", measure="Cramér's V", model=model, value=value)

    harmful = [row for row in prompts if row.label("D") != POSITIVE["D"][1]]
    associations = [v(_CATEGORY, _SOURCE, harmful), v(_HARMFUL, _SOURCE, prompts)] if prompts else []
    others = (_HARMFUL, _CATEGORY, _SOURCE)
    taken = {name for name, _ in others}
    # A target of the study's own may be called as one of these labels and still be another.
    mine = [(f"target {name}" if name in taken else name, label_of(name)) for name in own]
    associations += [v(one, other, prompts) for one in mine for other in others]
    for model in sorted({row.model for row in responses if row.model is not None}):
        rows = [row for row in responses if row.model == model]
        value = phi(*([_is_positive(row, name) for row in rows] for name in ("D", "R")))
        associations.append(Association(pair="harmful, refused", measure="phi", model=model, value=value))
        if worded := [row for row in rows if row.label("W") is not None]:
            associations += [v(one, _WORDING, worded, model) for one in (_CATEGORY, _HARMFUL)]
    return associations


def label_of(target: str) -> Label:
    """Return what reads a row's class of a target."""
    return lambda row: row.label(target)


_HARMFUL, _CATEGORY, _WORDING = (
    (name, label_of(target)) for name, target in (("harmful", "D"), ("category", "C"), ("wording", "W"))
)
_SOURCE: Named = ("source", lambda row: row.source)
"""Labels as they are called beside each other."""


def _is_positive(row: LabelledRow, target: str) -> bool | None:
    label = row.label(target)
    return None if label is None else label == POSITIVE[target][0]
