"""One labelling of the rows of X, with the weight every row has in training."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.probes.row_values import class_indices, row_weights


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
        codes = class_indices(self.codes, n_classes=self.n_classes, least=-1)
        if not codes.size:
            raise ValueError("codes holds no row; a task needs two classes with training rows.")
        object.__setattr__(self, "codes", codes)
        if self.weights is not None:
            object.__setattr__(self, "weights", row_weights(self.weights, codes.size, name="weights"))
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
