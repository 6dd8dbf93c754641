"""What people have as texts and features of them, as a verdict reads them; rows are read by place."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from unsinter.probes.arrays import FloatArray
from unsinter.probes.plain_arrays import missing_rows, plain_array
from unsinter.probes.row_values import refuse_not_finite
from unsinter.studies.separation.inputs.pair_inputs import shown

Text: TypeAlias = FloatArray | list[str] | Any
"""Features (n, p), n texts, or a scipy sparse matrix (n, p)."""


def text_input(values: Any, n: int, *, name: str = "text") -> Text:
    """Return texts as a list of n, and features of the text as floats (n, p) or as they are where sparse.

    Raises
    ------
    ValueError : another length, a missing or non-finite entry, or texts of which none holds a word.
    TypeError : one text instead of n, or neither texts nor real numbers.
    """
    if issparse(values):
        return _sparse_features(values, n, name)
    # As Python's own text: in an array of NumPy every entry would take the room of the longest.
    rows = plain_array(values, name=name, long_texts=True)
    if len(rows) != n:
        raise ValueError(f"{name} must have one entry per row of z, got {len(rows)} for {n}.")
    is_blank = rows.ndim == 1 and rows.size > 0 and bool(missing_rows(rows).all())
    if rows.dtype.kind in "biuf" and not is_blank:
        return _features(rows, name)
    if rows.dtype.kind == "O" and rows.ndim == 2 and rows.shape[1] > 1:
        raise ValueError(f"{name} features must all be numbers, got {shown(rows.ravel())}.")
    return _texts(rows, name)


def feature_input(values: Any, n: int, *, name: str) -> FloatArray:
    """Return features as floats (n, p).

    Raises
    ------
    ValueError : another length or an entry that is no number.
    """
    rows = plain_array(values, name=name)
    if len(rows) != n:
        raise ValueError(f"{name} must have one entry per row of z, got {len(rows)} for {n}.")
    if rows.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers (n, p), got {shown(rows.ravel()[:50])}.")
    return _features(rows, name)


def _features(rows: NDArray[Any], name: str) -> FloatArray:
    features = rows[:, None] if rows.ndim == 1 else rows
    if features.ndim != 2 or not features.shape[1]:
        raise ValueError(f"{name} features must be (n, p) with a column or more, got shape {rows.shape}.")
    if features.dtype.kind != "f" or features.dtype.itemsize < 4:
        features = features.astype(np.float64)
    refuse_not_finite(features, name=name)
    return features


def _sparse_features(values: Any, n: int, name: str) -> Any:
    if values.ndim != 2 or values.shape[0] != n:
        raise ValueError(f"{name} must have one entry per row of z, got shape {values.shape} for {n} rows.")
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got {values.dtype}.")
    rows = values.tocsr()
    if not np.isfinite(rows.data).all():
        raise ValueError(f"{name} holds NaN or inf; leave those features out.")
    return rows


def _texts(rows: NDArray[Any], name: str) -> list[str]:
    column = rows[:, 0] if rows.ndim == 2 and rows.shape[1] == 1 else rows
    if column.ndim != 1:
        raise ValueError(f"{name} must be n texts or features (n, p), got texts of shape {rows.shape}.")
    gaps = missing_rows(column)
    if gaps.any():
        raise ValueError(
            f"{name} is missing (NaN or None) in {int(gaps.sum())} rows, first in row {int(gaps.argmax())} "
            "counted from 0; give an empty text where a row has none."
        )
    texts: Sequence[Any] = column.tolist()
    if odd := [value for value in texts if not isinstance(value, str)]:
        raise TypeError(f"{name} must hold n texts or numbers (n, p), got {odd[0]!r} among texts.")
    if texts and not any(character.isalnum() for text in texts for character in text):
        raise ValueError(f"{name} holds no word in any row; give the texts, or leave text out.")
    return list(texts)
