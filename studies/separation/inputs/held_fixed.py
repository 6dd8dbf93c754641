"""Columns for everything that is held fixed beside the two factors: category, source, language, length."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import SplineTransformer

from unsinter.probes.arrays import FloatArray

_FEWEST = 10
"""Rows of a level that it takes to get a column of its own; the rows of smaller ones share one."""

_LEAST_RARE = 0.1
"""Share of all rows in smaller levels from which on it matters that these share a column."""

_LEAST_LIKENESS, _LEAST_Z = 0.05, 4.0
"""Correlation of two rows of one small level, and its standard errors, from which on levels tell a factor."""

_KNOTS = 5
"""Of the curve by which a number may move activations: cubic, knots at equal shares of the rows."""


def held_columns(
    strata: NDArray[np.generic] | None, covariates: Mapping[str, NDArray[np.generic]]
) -> FloatArray:
    """Return an intercept and the columns (n, q) of what is held fixed.

    Names get a column per level, numbers a smooth curve.

    Parameters
    ----------
    strata : (n,) codes of the category, or None.
    covariates : name to (n,) names or numbers.
    """
    values = [*([] if strata is None else [strata.astype(str)]), *covariates.values()]
    n = len(values[0]) if values else 0
    return np.hstack([np.ones((n, 1)), *(covariate_columns(value) for value in values)])


def covariate_columns(value: NDArray[np.generic]) -> FloatArray:
    """Return the columns (n, q) of one covariate (n,)."""
    if value.dtype.kind in "fiub" and len(np.unique(value)) > _KNOTS:
        return _curve(value.astype(np.float64))
    return level_columns(value)


def level_columns(names: NDArray[np.generic]) -> FloatArray:
    """Return indicators (n, n_levels - 1) of the levels, rare ones together."""
    levels, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    rare = counts < _FEWEST
    if rare.sum() > 1:
        place = np.cumsum(~rare) - 1
        place[rare] = (~rare).sum()
        codes = place[codes]
    # The commonest level is left out: the intercept stands for it.
    sizes = np.bincount(codes, minlength=len(levels))
    kept = [code for code in np.unique(codes) if code != sizes.argmax()]
    return np.asarray(codes[:, None] == np.array(kept, dtype=codes.dtype)[None], dtype=np.float64)


def rare_levels_tell(value: NDArray[np.generic], factor: NDArray[np.integer]) -> bool:
    """Tell whether a factor (n,) goes with levels of names (n,) that are too small for columns of their own.

    Then it is not held fixed, though it should be: what is read may be the level.
    """
    if value.dtype.kind in "fiub" and len(np.unique(value)) > _KNOTS:
        return False
    _, codes, counts = np.unique(value, return_inverse=True, return_counts=True)
    small = (counts < _FEWEST) & (counts > 1)
    rows = small[codes]
    centred = factor[rows] - factor[rows].mean() if rows.any() else np.zeros(0)
    if rows.mean() < _LEAST_RARE or small.sum() < 2 or not centred.any():
        return False
    sums = np.bincount(codes[rows], weights=centred, minlength=len(counts))
    n_pairs = float((counts[small] * (counts[small] - 1)).sum())
    likeness = (np.square(sums).sum() - np.square(centred).sum()) / (centred.var() * n_pairs)
    return bool(likeness >= max(_LEAST_LIKENESS, _LEAST_Z * np.sqrt(2 / n_pairs)))


def text_length(texts: Sequence[str]) -> FloatArray:
    """Return the logarithm of the number of characters of each text (n,)."""
    return np.log1p(np.array([len(text) for text in texts], dtype=np.float64))


def _curve(value: FloatArray) -> FloatArray:
    spline = SplineTransformer(n_knots=_KNOTS, knots="quantile", include_bias=False, extrapolation="linear")
    try:
        columns = spline.fit_transform(value[:, None])
    except ValueError:  # so few distinct values that knots coincide
        centred = (value - value.mean()) / value.std()
        columns = np.stack([centred, centred**2], axis=1)
    return np.asarray(columns - columns.mean(axis=0))
