"""A label made ready for erasure: checked, and centred together with the activations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.plain_arrays import missing_rows, plain_array
from unsinter.probes.row_values import known_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """What tells the classes of a label apart.

    Attributes
    ----------
    rows : (n_examples, d_model) float64, centred; inside each level of another label where one was given.
    labels : (n_examples, n_columns) centred alike; uncorrelated columns of unit variance that span the label.
    centre : (d_model,) mean of the rows as they came.
    """

    rows: FloatArray
    labels: FloatArray
    centre: FloatArray


def read_concept(X: FloatArray, y: LabelArray, *, within: LabelArray | None = None) -> Concept:
    """Return X (n_examples, d_model) and y (n_examples,) ready for erasure; ``within`` (n_examples,) levels.

    Raises
    ------
    ValueError : X is no finite matrix, lengths differ, a label is missing (NaN or None), y holds one class,
        rows are no more than classes, or y is constant inside every level.
    """
    X = finite_matrix(X)
    codes = class_codes(y, len(X), name="y")
    n_classes = int(codes.max()) + 1
    if n_classes < 2:
        only = plain_array(y, name="y").ravel()[0].item()
        raise ValueError(f"y holds one class only ({only!r}); there is nothing to erase.")
    if n_classes >= len(X):
        raise ValueError(
            f"y holds {n_classes} classes in {len(X)} rows; erasing it would erase every difference between "
            "rows. Give more rows than classes."
        )
    levels = np.zeros(len(X), dtype=int) if within is None else class_codes(within, len(X), name="within")
    labels = _orthonormal(_centred(np.eye(n_classes)[codes], levels))
    if labels.shape[1] == 0:
        raise ValueError("y is constant inside every level of within; there is nothing to erase.")
    return Concept(rows=_centred(X, levels), labels=labels, centre=X.mean(axis=0))


def finite_matrix(X: FloatArray) -> FloatArray:
    """Return X as float64.

    Raises
    ------
    ValueError : unless it is a (n_examples, d_model) matrix without NaN or inf.
    """
    X = plain_array(X, name="X")
    if X.dtype.kind not in "biuf":
        raise TypeError(f"X must hold numbers, got {X.dtype}.")
    X = X.astype(np.float64, copy=False)
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"X must be (n_examples, d_model), got shape {X.shape}.")
    if not np.isfinite(X).all():
        raise ValueError("X holds NaN or inf; extract those rows again or leave them out.")
    return X


def class_codes(y: LabelArray, n: int, *, name: str) -> NDArray[np.intp]:
    """Return codes (n,) from 0.

    Raises
    ------
    ValueError : a length differs or a label is missing; it says ``name``.
    """
    y = plain_array(y, name=name)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (n,):
        raise ValueError(f"{name} must hold one label for each of {n} rows, got shape {y.shape}.")
    if missing_rows(y).any():
        raise ValueError(f"{name} holds missing labels; leave those rows out.")
    return np.unique(known_values(y, name=name), return_inverse=True)[1]


def _centred(values: FloatArray, levels: NDArray[np.intp]) -> FloatArray:
    means = np.zeros((levels.max() + 1, values.shape[1]))
    np.add.at(means, levels, values)
    return values - (means / np.bincount(levels)[:, None])[levels]


def _orthonormal(labels: FloatArray) -> FloatArray:
    """Return uncorrelated columns of unit variance that span centred labels (n, n_classes)."""
    u, s, _ = np.linalg.svd(labels, full_matrices=False)
    return u[:, s > 1e-10 * np.sqrt(len(labels))] * np.sqrt(len(labels))
