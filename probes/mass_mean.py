"""Probes that read a class off the distance to class means."""

from typing import Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.plain_arrays import tensor_or_mask
from unsinter.probes.readout import LinearReadout
from unsinter.probes.scaling import power_units
from unsinter.probes.shrunk_covariance import ShrunkCovariance

_ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""Deviation within classes, as a share of a column's mean, that is rounding of a column that never varies."""


class MassMeanProbe(LinearReadout, ClassifierMixin, BaseEstimator):
    """Score an activation by which class mean it lies nearest to.

    Of two classes the direction is the difference of their means, with zero midway. With ``whiten`` distance
    is measured in the pooled within-class covariance, shrunk by Ledoit and Wolf's rule; the score is then the
    log-odds (nats) of classes that are Gaussian with one covariance and equally frequent. Without it only
    sign and rank of a score mean anything.

    Parameters
    ----------
    whiten : measure distance in the shrunk within-class covariance.

    Attributes
    ----------
    classes_, coef_, intercept_ : as in ``LogisticProbe``; of more than two classes a row per class, the
        largest score being the nearest mean.

    Raises
    ------
    ValueError : one class only; NaN or inf in X.

    References
    ----------
    Marks & Tegmark (2023), arXiv:2310.06824. Ledoit & Wolf (2004).
    """

    def __init__(self, *, whiten: bool = True) -> None:
        self.whiten = whiten

    def fit(self, X: FloatArray, y: LabelArray) -> Self:
        """Fit on X (n_examples, d_model), y (n_examples,); classes weigh the same, whatever their rows.

        Raises
        ------
        ValueError : X or y holds missing values or does not fit, or y holds one class only.
        """
        X, y = tensor_or_mask(X, name="X"), tensor_or_mask(y, name="y")
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only ({y[0]!r}); a probe needs at least two.")
        unit = power_units(np.abs(X).max(axis=0)) if self.whiten else 1.0
        X = X / unit
        means = np.stack([X[codes == code].mean(axis=0) for code in range(len(self.classes_))])
        directions = _whitened(means, X - means[codes]) if self.whiten else means
        offsets = -0.5 * np.einsum("kd,kd->k", directions, means)
        if len(self.classes_) == 2:
            directions, offsets = directions[1:] - directions[:1], offsets[1:] - offsets[:1]
        self.coef_, self.intercept_ = directions / unit, offsets
        return self


def _whitened(means: FloatArray, residual: FloatArray) -> FloatArray:
    """Return means (n_classes, d) times the inverse of the shrunk covariance of residuals (n, d)."""
    covariance = ShrunkCovariance.of_residuals(residual, rounding=_ROUNDING * np.abs(means).max(axis=0))
    solved = covariance.solve(torch.as_tensor(means) / covariance.scale) / covariance.scale
    return solved.numpy()
