"""A probe with hidden layers, stopped early on whole groups of its own training rows."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.mlp.batch import fit_mlps
from unsinter.probes.mlp.job import MLPSettings
from unsinter.probes.plain_arrays import tensor_or_mask
from unsinter.probes.relu_layers import relu_scores
from unsinter.probes.row_values import known_values, sample_weights
from unsinter.probes.tasks import Task


class MLPProbe(ClassifierMixin, BaseEstimator):
    """Read a label off activations with a small ReLU network.

    Columns are standardised and reduced to leading principal components of the training rows; both are
    folded into the first layer, so a fitted probe acts on raw activations. A linear map of all columns takes
    the network's place where it has the lower validation loss: components may have lost a weak signal.

    Parameters
    ----------
    width, depth, dropout, weight_decay, learning_rate : see ``MLPSettings``.
    max_epochs, patience, batch_size, n_components, validation_fraction : see there too.
    seed : of weights, order of rows, dropout and validation groups.

    Attributes
    ----------
    classes_ : (n_classes,) labels in the order of the columns of ``predict_proba``.
    layers_ : weight (n_out, n_in) and bias (n_out,) of every layer in float64, ReLU between; the last has
        one output (log-odds of ``classes_[1]``, nats) for two classes, else one logit per class. Just one
        where a linear map took the network's place.
    n_epochs_ : epochs trained.

    Raises
    ------
    ValueError : a setting out of range; one class only; NaN or inf in X; a weight that is negative, NaN or
        inf, or all of them zero; a row without a group.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        depth: int = 1,
        dropout: float = 0.0,
        weight_decay: float = 0.1,
        learning_rate: float = 2e-2,
        max_epochs: int = 40,
        patience: int = 4,
        batch_size: int = 256,
        n_components: int | None = 64,
        validation_fraction: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.width = width
        self.depth = depth
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.n_components = n_components
        self.validation_fraction = validation_fraction
        self.seed = seed

    def fit(
        self,
        X: FloatArray,
        y: LabelArray,
        sample_weight: FloatArray | None = None,
        groups: LabelArray | None = None,
    ) -> Self:
        """Fit on X (n_examples, d_model), y (n_examples,); rows of one group stop or train together.

        Raises
        ------
        ValueError : X or y holds missing values or does not fit, or y holds one class only.
        """
        X, y = tensor_or_mask(X, name="X"), tensor_or_mask(y, name="y")
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        weights = None if sample_weight is None else sample_weights(sample_weight, len(X))
        kept = np.ones(len(y), dtype=bool) if weights is None else weights > 0
        self.classes_, codes = np.unique(y[kept], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only ({self.classes_[0]!r}); a probe needs at least two.")
        task = Task(
            codes=codes,
            n_classes=len(self.classes_),
            weights=None if weights is None else weights[kept],
        )
        names = None if groups is None else known_values(groups, len(y), name="groups")[kept]
        (network,) = fit_mlps(X[kept], [task], self._settings(), [self.seed], groups=names)
        self.layers_ = network.layers
        self.n_epochs_ = network.n_epochs
        return self

    def decision_function(self, X: FloatArray) -> FloatArray:
        """Return log-odds of ``classes_[1]`` (n_examples,), or logits (n_examples, n_classes), in nats."""
        check_is_fitted(self)
        X = validate_data(self, tensor_or_mask(X, name="X"), dtype=np.float64, reset=False)
        return relu_scores(X, self.layers_)

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Return class probabilities (n_examples, n_classes), columns in the order of ``classes_``."""
        scores = self.decision_function(X)
        logits = np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, X: FloatArray) -> LabelArray:
        """Return the likeliest class of each row (n_examples,)."""
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]

    def _settings(self) -> MLPSettings:
        names = MLPSettings.__dataclass_fields__
        return MLPSettings(**{name: getattr(self, name) for name in names})
