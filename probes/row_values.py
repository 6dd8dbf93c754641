"""Labels, groups, scores, weights, class codes of callers: read by place, refused by name, never guessed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray, LabelArray
from unsinter.probes.plain_arrays import missing_rows, plain_array, scalar_kind


def row_values(values: Any, n: int | None = None, *, name: str) -> LabelArray:
    """Return one value per row (n,), NaN or None where missing; a single column (n, 1) counts as a row each.

    Raises
    ------
    ValueError : another shape, or another length than ``n``.
    TypeError : as in ``plain_array``.
    """
    rows = plain_array(values, name=name)
    if rows.ndim == 2 and rows.shape[1] == 1:
        rows = rows[:, 0]
    if rows.ndim != 1:
        raise ValueError(f"{name} must hold one value per row, got shape {rows.shape}.")
    if n is not None and len(rows) != n:
        raise ValueError(f"{name} must hold one value for each of {n} rows, got {len(rows)}.")
    return rows


def known_values(values: Any, n: int | None = None, *, name: str) -> LabelArray:
    """Return labels or groups (n,) of which none is missing; errors as in ``row_values``, and ValueError.

    Text beside numbers is refused: whether "1" and 1 are one value cannot be told.
    """
    rows = row_values(values, n, name=name)
    if (gaps := missing_rows(rows)).any():
        raise ValueError(
            f"{name} is missing (NaN or None) in {gaps.sum()} of {len(rows)} rows, first in row "
            f"{int(gaps.argmax())} counted from 0; give it a value there, or leave those rows out."
        )
    return _of_one_kind(rows, name)


def finite_numbers(values: Any, n: int | None = None, *, name: str) -> FloatArray:
    """Return real numbers (n,), of which none is NaN or inf; errors as in ``row_values``, and ValueError."""
    rows = row_values(values, n, name=name)
    if rows.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers, got {_examples(rows)}.")
    if rows.dtype.kind == "f":
        refuse_not_finite(rows, name=name)
        return rows
    return rows.astype(np.float64)


def refuse_not_finite(values: FloatArray, *, name: str) -> None:
    """Raise ValueError, naming the first row, where values (n, ...) hold NaN or inf."""
    if np.isfinite(values).all():
        return
    for bad, kind in ((np.isnan(values), "NaN"), (np.isinf(values), "inf")):
        if bad.any():
            row = int(np.argwhere(bad)[0, 0])
            raise ValueError(
                f"{name} holds {kind} ({int(bad.sum())} of {values.size} values, first in row {row} counted "
                "from 0); leave those rows out or make them again."
            )


def row_weights(values: Any, n: int, *, name: str) -> FloatArray:
    """Return weights (n,) float64, finite and zero or more, with one above zero.

    Raises
    ------
    ValueError, TypeError : names the weights that are negative, NaN or inf, of another length, or all zero.
    """
    weights = _nonnegative(finite_numbers(values, n, name=name).astype(np.float64), name)
    with np.errstate(over="ignore"):
        total = float(weights.sum())
    if not total > 0:
        raise ValueError(f"{name} is zero in every row, so no row is left; give one row a weight above zero.")
    if not np.isfinite(total):
        raise ValueError(
            f"{name} adds up to more than float64 holds (largest {weights.max():.3g}); divide it."
        )
    return weights


def sample_weights(values: Any, n: int) -> FloatArray:
    """Return the ``sample_weight`` of an estimator (n,); None and one number weigh all rows alike.

    Errors as in ``row_weights``.
    """
    if values is None or isinstance(values, int | float | np.number):
        values = np.full(n, 1.0 if values is None else values)
    return row_weights(values, n, name="sample_weight")


def weightings(values: Any, n: int, *, name: str = "weights") -> FloatArray:
    """Return weightings (n_weightings, n) float64 from such a matrix or one weighting (n,); None weighs 1.

    All zero is allowed here, a bootstrap may draw it. Errors as in ``row_weights``.
    """
    if values is None:
        return np.ones((1, n))
    weights = np.atleast_2d(plain_array(values, name=name))
    if weights.ndim != 2 or weights.shape[1] != n:
        raise ValueError(f"{name} must be (n_weightings, {n}) or ({n},), got shape {weights.shape}.")
    if weights.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers, got {_examples(weights.ravel())}.")
    return _nonnegative(np.asarray(weights, dtype=np.float64), name)


def positive_rows(values: Any, n: int | None = None, *, name: str = "positive") -> BoolArray:
    """Return which rows (n,) are positive, from booleans, 1 and 0, or 1 and -1.

    Raises
    ------
    ValueError : other values: which of them is positive would be a guess. A missing one is named.
    """
    rows = known_values(values, n, name=name)
    if rows.dtype.kind == "b":
        return rows
    if rows.dtype.kind in "iuf":
        distinct = set(np.unique(rows).tolist())
        if distinct <= {0, 1} or distinct <= {-1, 1}:
            return np.asarray(rows == 1)
    raise ValueError(
        f"{name} must hold True and False, 1 and 0, or 1 and -1, got {_examples(rows)}; compare the labels "
        "with the positive one first, and leave rows without a label out."
    )


def class_indices(
    values: Any, n: int | None = None, *, n_classes: int | None = None, least: int = 0, name: str = "codes"
) -> NDArray[np.intp]:
    """Return class codes (n,) from ``least`` (-1 where a label may be missing) to ``n_classes`` - 1.

    Raises
    ------
    ValueError : no whole numbers, out of range, or NaN.
    """
    rows = known_values(values, n, name=name)
    last = "up" if n_classes is None else f"to {n_classes - 1}"
    wanted = f"{name} must be a row of whole numbers from {least}{' (missing)' if least < 0 else ''} {last}"
    if rows.dtype.kind not in "biuf" or (rows.dtype.kind == "f" and (rows != np.floor(rows)).any()):
        raise ValueError(f"{wanted}, got {_examples(rows)}.")
    if rows.size and (rows.min() < least or (n_classes is not None and rows.max() >= n_classes)):
        raise ValueError(f"{wanted}, got {_examples(rows)}.")
    return rows.astype(np.intp)


def _of_one_kind(rows: LabelArray, name: str) -> LabelArray:
    if rows.dtype.kind != "O" or not len(rows):
        return rows
    kinds = {scalar_kind(value) for value in rows}
    if len(kinds) > 1:
        raise ValueError(f"{name} must hold text or numbers, not both, got {_examples(rows)}.")
    return rows


def _nonnegative(weights: FloatArray, name: str) -> FloatArray:
    low, high = (float(weights.min()), float(weights.max())) if weights.size else (0.0, 0.0)
    if not np.isfinite([low, high]).all():
        refuse_not_finite(weights, name=name)
    if low < 0:
        row = int(np.argwhere(weights < 0)[0, -1])
        raise ValueError(
            f"{name} must be zero or more, got {low:.6g} among {int((weights < 0).sum())} negative ones, "
            f"first in row {row} counted from 0; a row of weight zero is left out."
        )
    return weights


def _examples(rows: LabelArray) -> str:
    """Return a few distinct values for an error."""
    shown = list(dict.fromkeys(repr(value) for value in rows.tolist()))
    return (
        ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "") if shown else "none"
    )
