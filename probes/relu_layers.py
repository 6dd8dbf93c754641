"""Scores of affine maps with a ReLU between each two, with numpy alone."""

from collections.abc import Sequence

import numpy as np

from unsinter.probes.arrays import FloatArray


def relu_scores(X: FloatArray, layers: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Return the outputs (n_examples, n_outputs) for X (n_examples, d_model); of one output (n_examples,).

    ``layers`` are weight (n_out, n_in) and bias (n_out,), one for a linear probe. Computed in float64.
    """
    hidden = np.asarray(X, dtype=np.float64)
    for place, (weight, bias) in enumerate(layers):
        hidden = hidden if place == 0 else np.maximum(hidden, 0.0)
        hidden = hidden @ np.asarray(weight, dtype=np.float64).T + bias
    return hidden[:, 0] if hidden.shape[1] == 1 else hidden
