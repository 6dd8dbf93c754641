"""One labelling of the rows of X, with the weight every row has in training."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one fit is asked: class codes, and which rows train it how strongly.

    Attributes
    ----------
    codes : (n_examples,) class codes from 0; -1 where the label is missing, which masks the row.
    n_classes : 2 or more; a class without training rows gets the score minus infinity.
    weights : (n_examples,) non-negative; 0 keeps a row out of training, None trains on every labelled row.

    Raises
    ------
    ValueError : lengths differ, a code or weight is out of range, or fewer than two classes are trained on.
    """

    codes: NDArray[np.integer]
    n_classes: int
    weights: FloatArray | None = None

    def __post_init__(self) -> None:
        codes = np.asarray(self.codes)
        if codes.ndim != 1 or codes.size == 0 or codes.min() < -1 or codes.max() >= self.n_classes:
            raise ValueError(
                f"codes must be a row of -1 (missing) to {self.n_classes - 1}, got {codes!s:.60}."
            )
        if self.weights is not None:
            weights = np.asarray(self.weights)
            if weights.shape != codes.shape or not np.isfinite(weights).all() or (weights < 0).any():
                raise ValueError(
                    f"weights must be {codes.size} finite numbers of zero or more, got shape {weights.shape}."
                )
        if len(np.unique(codes[self.trains])) < 2:
            raise ValueError("a task needs two classes with training rows; give more rows or drop the task.")

    @property
    def trains(self) -> BoolArray:
        """Rows that take part in training (n_examples,)."""
        labelled = np.asarray(self.codes) >= 0
        return labelled if self.weights is None else labelled & (np.asarray(self.weights) > 0)

    @property
    def row_weights(self) -> FloatArray:
        """Weights of all rows (n_examples,) float64; zero where masked or held out."""
        weights = np.ones(len(self.codes)) if self.weights is None else np.asarray(self.weights, np.float64)
        return np.where(self.trains, weights, 0.0)
