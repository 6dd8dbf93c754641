"""A ridge probe: least squares on the labels, whose whole penalty path costs one decomposition."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.readout import LinearReadout
from unsinter.probes.scaling import power_units
from unsinter.probes.weighted_rows import weighted_rows


class RidgeProbe(LinearReadout, ClassifierMixin, BaseEstimator):
    """Read a label off activations by penalised least squares on labels -1 and +1, one per class.

    The objective is *weighted mean squared error + penalty x |standardised weights|^2*, so one penalty means
    the same at every number of rows. Scores are in label units: above zero speaks for the class; their size
    is no log-odds, and probabilities need a calibration.

    Parameters
    ----------
    penalty : strength of the L2 penalty on standardised weights; above zero.

    Attributes
    ----------
    classes_, coef_, intercept_ : as in ``LogisticProbe``; label units per activation unit.

    Raises
    ------
    ValueError : a penalty that is not above zero; one class only; NaN or inf in X; a weight that is negative,
        NaN or inf, or all of them zero.

    References
    ----------
    Hoerl & Kennard (1970), Ridge regression.
    """

    def __init__(self, *, penalty: float = 1e-1) -> None:
        self.penalty = penalty

    def fit(self, X: FloatArray, y: LabelArray, sample_weight: FloatArray | None = None) -> Self:
        """Fit on X (n_examples, d_model), y (n_examples,); rows of weight zero count as absent.

        Raises
        ------
        ValueError : X or y holds missing values or does not fit, y holds one class only, or the penalty is
            not above zero.
        """
        if not 0 < self.penalty < np.inf:
            raise ValueError(f"penalty must be above zero, got {self.penalty!r}.")
        X, codes, weights, self.classes_ = weighted_rows(self, X, y, sample_weight)
        signs = np.where(np.eye(len(self.classes_), dtype=bool)[codes], 1.0, -1.0)
        wanted = signs[:, 1:] if len(self.classes_) == 2 else signs
        unit = power_units(np.abs(X).max(axis=0))
        X = X / unit
        with np.errstate(invalid="ignore"):  # the weighted variance of a constant unit rounds below zero
            scaler = StandardScaler().fit(X, sample_weight=weights)  # and its scale becomes 1 all the same
        solver = Ridge(alpha=self.penalty * weights.sum(), solver="cholesky")
        solver.fit(scaler.transform(X), wanted, sample_weight=weights)
        self.coef_ = np.atleast_2d(solver.coef_) / scaler.scale_
        self.intercept_ = np.atleast_1d(solver.intercept_) - self.coef_ @ scaler.mean_
        self.coef_ = self.coef_ / unit
        return self
