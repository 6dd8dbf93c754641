"""What every linear probe does once it is fitted."""

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.plain_arrays import tensor_or_mask


class LinearReadout:
    """Scores and predictions from ``coef_`` and ``intercept_`` on raw activations.

    Attributes
    ----------
    classes_ : (n_classes,).
    coef_ : (1, d_model) for two classes, else (n_classes, d_model).
    intercept_ : (1,) or (n_classes,).
    """

    classes_: LabelArray
    coef_: FloatArray
    intercept_: FloatArray

    def decision_function(self, X: FloatArray) -> FloatArray:
        """Return scores of ``classes_[1]`` (n_examples,), or of every class (n_examples, n_classes)."""
        check_is_fitted(self)
        X = validate_data(self, tensor_or_mask(X, name="X"), dtype=np.float64, reset=False)
        scores = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: FloatArray) -> LabelArray:
        """Return the likeliest class of each row (n_examples,)."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best]
