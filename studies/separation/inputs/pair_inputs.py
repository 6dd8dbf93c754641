"""What people have as labels, groups, categories and text, as the arrays that a verdict is computed from.

Every function takes lists, tuples, pandas, polars or pyarrow columns, torch tensors, NumPy arrays and masked
arrays, of shape (n,) or (n, 1); rows are read by place, never by an index. NaN, None and masked are missing.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.features.records.names import clean_name, is_missing_word
from unsinter.probes.arrays import FloatArray
from unsinter.probes.plain_arrays import missing_rows, plain_array, scalar_kind
from unsinter.probes.row_values import known_values, refuse_not_finite, row_values

logger = logging.getLogger(__name__)

_MISSING = -1

_CODED = np.dtype(np.int8, metadata={"unsinter": "codes of a factor"})
"""Marks what ``factor_codes`` returned: pandas too gives columns of int8 that cannot be written to."""


def factor_codes(values: Any, n: int | None = None, *, name: str) -> NDArray[np.int8]:
    """Return a factor as codes (n,): 1, 0, or -1 where missing.

    True and False, 1 and 0: as they are. 1 and -1 without any 0: -1 is the other class and becomes 0. 1, 0
    and -1: -1 is missing. Two texts: the second in sorted order becomes 1, which is arbitrary, so a log
    message names it; an empty text is missing.

    Raises
    ------
    ValueError : more than two values, or two numbers of which neither order is a code; names the values.
    TypeError : no column of values.
    """
    if _is_coded(values):
        rows: NDArray[Any] = row_values(values, n, name=name)
        return values
    rows = row_values(values, n, name=name)
    gaps = missing_rows(rows)
    kinds = {scalar_kind(value) for value in rows[~gaps].tolist()}
    if kinds <= {"bool", "number"}:
        codes = _codes_of_numbers(rows, gaps, name)
    elif kinds == {"text"}:
        codes = _codes_of_texts(rows, gaps, name)
    else:
        raise ValueError(
            f"{name} must hold two values of one kind (True and False, 1 and 0, or two texts), "
            f"got {shown(rows[~gaps])}."
        )
    codes = codes.astype(_CODED)
    codes.setflags(write=False)
    return codes


def unit_labels(values: Any, n: int, *, name: str) -> NDArray[Any]:
    """Return the group of each row (n,), none of them missing.

    Raises
    ------
    ValueError : a row without a group: whether it stands alone or with others cannot be told.
    """
    units = known_values(values, n, name=name)
    if units.dtype.kind == "U" and (blank := np.strings.strip(units) == "").any():
        raise ValueError(
            f"{name} is empty text in {int(blank.sum())} rows, first in row {int(blank.argmax())} counted "
            "from 0, which would be one group; name the group of each."
        )
    if units.dtype.kind == "U":
        refuse_missing_words(units, name=name)
        # Blanks of any kind, invisible characters and Unicode composition make no other group, as in records.
        return np.array([clean_name(unit) for unit in units.tolist()], dtype=np.str_)
    if units.dtype.kind == "f":
        refuse_not_finite(units, name=name)
    if units.dtype.kind != "O":
        return units
    try:
        places = {unit: place for place, unit in enumerate(dict.fromkeys(units.tolist()))}
    except TypeError as error:
        raise TypeError(f"{name} must hold text or numbers, got {type(units[0]).__name__}.") from error
    return np.array([places[unit] for unit in units.tolist()], dtype=np.intp)


def refuse_missing_words(texts: NDArray[np.str_], *, name: str) -> None:
    """Raise ValueError where texts are words for a missing value, as a column that was cast to text has."""
    words = np.array([bool(text) and is_missing_word(text) for text in texts.tolist()])
    if words.any():
        raise ValueError(
            f"{name} holds {str(texts[words.argmax()])!r} in {int(words.sum())} rows, first in row "
            f"{int(words.argmax())} counted from 0: a word for a missing value; give None there if it is "
            "missing, or another name."
        )


def level_labels(values: Any, n: int, *, name: str) -> NDArray[np.str_]:
    """Return the category of each row (n,) as text; empty where missing.

    Raises
    ------
    ValueError : text beside numbers, of which "1" and 1 would be one category or two.
    """
    rows = row_values(values, n, name=name)
    gaps = missing_rows(rows)
    kept = known_values(rows[~gaps], name=name)
    if kept.dtype.kind == "O":
        kept = known_values(kept.tolist(), name=name)
    if kept.dtype.kind == "U":  # blanks and composition of letters make no other category, as in records
        kept = np.array([clean_name(text) for text in kept.tolist()], dtype=np.str_)
    if kept.dtype.kind == "f" and (kept == np.floor(kept)).all() and np.abs(kept).max(initial=0) < 2**53:
        kept = kept.astype(np.int64)  # a column of whole numbers with a gap is one of floats in pandas
    texts = np.array([str(value) for value in kept.tolist()], dtype=np.str_)
    levels = np.zeros(n, dtype=texts.dtype if texts.size else np.dtype("U1"))
    levels[~gaps] = texts
    return levels


def finer_labels(values: Any, n: int, *, name: str, rows: NDArray[np.intp]) -> NDArray[np.str_]:
    """Return finer labels (n,) as text, or raise ValueError where a row that is compared has none."""
    levels = level_labels(values, n, name=name)
    if (gaps := levels[rows] == "").any():
        raise ValueError(
            f"{name} is missing (NaN, None or empty) in {int(gaps.sum())} rows where both factors are known, "
            f"first in row {int(rows[gaps.argmax()])} counted from 0; name it there, or make z or w missing."
        )
    return levels


def covariate_table(covariates: Any) -> Mapping[str, Any]:
    """Return covariates by name.

    Raises
    ------
    TypeError : they are no mapping of names to columns.
    """
    if covariates is None:
        return {}
    if not isinstance(covariates, Mapping) or not all(isinstance(name, str) for name in covariates):
        raise TypeError(
            "covariates must be a mapping of names to columns, as {'source': sources}, "
            f"got {type(covariates).__name__}."
        )
    return covariates


def covariate_values(values: Any, n: int, *, name: str) -> NDArray[Any]:
    """Return what is held fixed as numbers (n,), or as text where it holds names; missing names are empty.

    Raises
    ------
    ValueError : a number is missing or not finite.
    """
    rows = row_values(values, n, name=name)
    gaps = missing_rows(rows)
    kinds = {scalar_kind(value) for value in rows[~gaps].tolist()}
    if kinds != {"number"}:
        return level_labels(values, n, name=name)
    if gaps.any():
        raise ValueError(
            f"{name} is missing in {int(gaps.sum())} rows, first in row {int(gaps.argmax())} counted from 0; "
            "fill it in, or give it as names, of which an empty one is a level of its own."
        )
    numbers = rows.astype(np.float64)
    refuse_not_finite(numbers, name=name)
    return numbers


def sure_pair(values: Any, *, name: str) -> tuple[float, float]:
    """Return two probabilities above one half and up to 1.

    Raises
    ------
    ValueError : names what else was given.
    """
    try:
        first, second = (float(value) for value in values)
    except (TypeError, ValueError):
        first = second = np.nan
    if not (0.5 < first <= 1 and 0.5 < second <= 1):
        raise ValueError(f"{name} must hold two probabilities above .5 and up to 1, got {values!r}.")
    return first, second


def activation_matrix(X: Any, n: int, *, name: str = "X") -> FloatArray:
    """Return activations as a matrix (n, d) of finite floats, float32 or float64.

    Raises
    ------
    ValueError : no matrix, another number of rows, NaN, inf or a masked entry.
    TypeError : no real numbers.
    """
    values = plain_array(X, name=name)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers, got {shown(values.ravel()[:50])}.")
    if values.ndim != 2 or len(values) != n or not values.shape[1]:
        column = "; for one feature give X.reshape(-1, 1)" if values.ndim == 1 else ""
        raise ValueError(
            f"{name} must be a matrix of finite numbers with {n} rows, one for each entry of z, "
            f"got shape {values.shape}{column}."
        )
    if values.dtype.kind == "f":
        refuse_not_finite(values, name=f"{name}, which must be a matrix of finite numbers with {n} rows,")
    return values.astype(np.float64 if values.dtype.itemsize > 4 or values.dtype.kind in "iu" else np.float32)


def _is_coded(values: Any) -> bool:
    """Return whether values are what ``factor_codes`` returned: then -1 is missing though no 0 is there."""
    if type(values) is not np.ndarray or values.dtype.metadata != _CODED.metadata:
        return False
    return values.dtype == np.int8 and not values.flags.writeable


def _codes_of_numbers(rows: NDArray[Any], gaps: NDArray[np.bool_], name: str) -> NDArray[np.int8]:
    distinct = set(np.unique(rows[~gaps].astype(np.float64)).tolist())
    if not distinct <= {-1, 0, 1}:
        raise ValueError(
            f"{name} must hold 1, 0 or -1 (missing), True and False, 1 and -1, or two texts, "
            f"got {shown(rows[~gaps])}; code its two classes as 1 and 0."
        )
    codes = np.full(len(rows), _MISSING, dtype=np.int8)
    codes[~gaps] = rows[~gaps].astype(np.int8)
    if distinct == {-1, 1}:
        codes[~gaps] = codes[~gaps] == 1
    return codes


def _codes_of_texts(rows: NDArray[Any], gaps: NDArray[np.bool_], name: str) -> NDArray[np.int8]:
    texts = np.where(gaps, "", rows).astype(np.str_)
    refuse_missing_words(texts, name=name)
    distinct = [str(value) for value in np.unique(texts[texts != ""])]
    if len(distinct) > 2:
        raise ValueError(
            f"{name} must hold two values, got {len(distinct)}: {', '.join(map(repr, distinct[:6]))}; "
            "compare it with one of them first."
        )
    if len(distinct) == 2:
        logger.warning("%s: %r is read as 1 and %r as 0, in sorted order.", name, distinct[1], distinct[0])
    codes = np.searchsorted(distinct, texts).astype(np.int8)
    return np.where(texts == "", np.int8(_MISSING), codes).astype(np.int8)


def shown(values: NDArray[Any]) -> str:
    """Return a few distinct values for an error."""
    distinct = list(dict.fromkeys(repr(value) for value in values.tolist()))
    more = f" and {len(distinct) - 6} more" if len(distinct) > 6 else ""
    return ", ".join(sorted(distinct[:6])) + more if distinct else "none"
