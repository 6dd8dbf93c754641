"""A logistic probe whose scaler is folded into its weights."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from unsinter.probes.arrays import FloatArray, LabelArray


class LogisticProbe(ClassifierMixin, BaseEstimator):
    """Read a label off activations with L2-penalised (multinomial) logistic regression.

    Columns are standardised with the mean and deviation of the rows given to ``fit``, and the scaler is
    folded into ``coef_`` and ``intercept_``: a fitted probe acts on raw activations. The objective is
    *mean log loss + penalty / 2 x |standardised weights|^2*, so one penalty means the same at every number
    of rows.

    Parameters
    ----------
    penalty : strength of the L2 penalty on standardised weights, nats per squared weight; above zero.
    max_iter : most iterations of L-BFGS; a fit that stops there warns (``ConvergenceWarning``).

    Attributes
    ----------
    classes_ : (n_classes,) labels in the order of the columns of ``predict_proba``.
    coef_ : (1, d_model) for two classes, else (n_classes, d_model); nats per activation unit.
    intercept_ : (1,) or (n_classes,); nats.
    n_iter_ : iterations used.

    Raises
    ------
    ValueError : a penalty that is not above zero; one class only; NaN or inf in X.
    """

    def __init__(self, *, penalty: float = 1e-2, max_iter: int = 1000) -> None:
        self.penalty = penalty
        self.max_iter = max_iter

    def fit(self, X: FloatArray, y: LabelArray) -> Self:
        """Fit on X (n_examples, d_model), y (n_examples,)."""
        if not self.penalty > 0:
            raise ValueError(f"penalty must be above zero, got {self.penalty!r}.")
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        if len(np.unique(y)) < 2:
            raise ValueError(f"y holds one class only ({y[0]!r}); a probe needs at least two.")
        scaler = StandardScaler().fit(X)
        solver = LogisticRegression(C=1.0 / (self.penalty * len(y)), max_iter=self.max_iter)
        solver.fit(scaler.transform(X), y)
        self.classes_ = solver.classes_
        self.n_iter_ = int(np.max(solver.n_iter_))
        self.coef_ = solver.coef_ / scaler.scale_
        self.intercept_ = solver.intercept_ - self.coef_ @ scaler.mean_
        return self

    def decision_function(self, X: FloatArray) -> FloatArray:
        """Return log-odds of ``classes_[1]`` (n_examples,), or logits (n_examples, n_classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        scores = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Return class probabilities (n_examples, n_classes), columns in the order of ``classes_``."""
        scores = self.decision_function(X)
        logits = np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, X: FloatArray) -> LabelArray:
        """Return the likeliest class of each row (n_examples,)."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best]
