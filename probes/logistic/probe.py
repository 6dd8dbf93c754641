"""A logistic probe whose scaler is folded into its weights."""

import warnings
from typing import Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.logistic.grid import GridSolver
from unsinter.probes.readout import LinearReadout
from unsinter.probes.tasks import Task
from unsinter.probes.weighted_rows import weighted_rows


class LogisticProbe(LinearReadout, ClassifierMixin, BaseEstimator):
    """Read a label off activations with L2-penalised (multinomial) logistic regression.

    Columns are standardised with the mean and deviation of the rows given to ``fit``, and the scaler is
    folded into ``coef_`` and ``intercept_``: a fitted probe acts on raw activations. The objective is
    *weighted mean log loss + penalty / 2 x |standardised weights|^2*, so one penalty means the same at every
    number of rows. `GridSolver` solves many such fits at once.

    Parameters
    ----------
    penalty : strength of the L2 penalty on standardised weights, nats per squared weight; above zero.
    class_weight : "balanced" lets every class weigh the same in sum; None counts rows.
    tolerance : relative distance from the least objective at which the fit ends.
    max_iter : most iterations; a fit that stops there warns (``ConvergenceWarning``).

    Attributes
    ----------
    classes_ : (n_classes,) labels in the order of the columns of ``predict_proba``.
    coef_ : (1, d_model) for two classes, else (n_classes, d_model); nats per activation unit.
    intercept_ : (1,) or (n_classes,); nats.
    n_iter_ : iterations used.

    Raises
    ------
    ValueError : a penalty that is not above zero; one class only; NaN or inf in X; a weight that is negative,
        NaN or inf, or all of them zero.
    """

    def __init__(
        self,
        *,
        penalty: float = 1e-2,
        class_weight: Literal["balanced"] | None = None,
        tolerance: float = 1e-12,
        max_iter: int = 1000,
    ) -> None:
        self.penalty = penalty
        self.class_weight = class_weight
        self.tolerance = tolerance
        self.max_iter = max_iter

    def fit(self, X: FloatArray, y: LabelArray, sample_weight: FloatArray | None = None) -> Self:
        """Fit on X (n_examples, d_model), y (n_examples,); rows of weight zero count as absent.

        Raises
        ------
        ValueError : X or y holds missing values or does not fit, y holds one class only, or the penalty is
            not above zero.
        """
        if not 0 < self.penalty < np.inf:
            raise ValueError(f"penalty must be above zero, got {self.penalty!r}.")
        rows = weighted_rows(self, X, y, sample_weight, class_weight=self.class_weight)
        self.classes_ = rows.classes
        task = Task(codes=rows.codes, n_classes=len(self.classes_), weights=rows.weights)
        (fit,) = GridSolver(rows.X, dtype="float64").fit(
            [task], [self.penalty], tolerance=self.tolerance, max_iter=self.max_iter
        )
        self.coef_, self.intercept_ = fit.weights(0)
        self.n_iter_ = int(fit.n_iter[0])
        if not fit.converged[0]:
            warnings.warn(
                f"the fit stopped after {self.max_iter} iterations; raise max_iter or the penalty.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Return class probabilities (n_examples, n_classes), columns in the order of ``classes_``."""
        scores = self.decision_function(X)
        logits = np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)
