"""What a fit with row weights takes of its arguments: arrays, class codes, and only the rows that count."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.plain_arrays import tensor_or_mask
from unsinter.probes.row_values import sample_weights


class WeightedRows(NamedTuple):
    """Rows whose weight is above zero.

    Attributes
    ----------
    X, codes, weights : (n_rows, d_model) float64, (n_rows,) places in ``classes``, (n_rows,).
    classes : labels in order, two at least.
    """

    X: FloatArray
    codes: NDArray[np.int_]
    weights: FloatArray
    classes: LabelArray


def weighted_rows(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, *, class_weight: str | None = None
) -> WeightedRows:
    """Return what ``estimator.fit`` fits: checked as scikit-learn does, rows of weight zero left out.

    Raises
    ------
    ValueError : X or y holds missing values or does not fit, or y holds one class only.
    """
    X, y = tensor_or_mask(X, name="X"), tensor_or_mask(y, name="y")
    X, y = validate_data(estimator, X, y, dtype=np.float64)
    check_classification_targets(y)
    weights = sample_weights(sample_weight, len(X))
    if class_weight is not None:
        weights = weights * compute_sample_weight(class_weight, y)
    counts = weights > 0
    classes, codes = np.unique(y[counts], return_inverse=True)
    if len(classes) < 2:
        only = f" ({classes[0]!r})" if len(classes) else ""
        raise ValueError(f"y holds one class only{only}; a probe needs at least two.")
    return WeightedRows(X[counts], codes, weights[counts], classes)
