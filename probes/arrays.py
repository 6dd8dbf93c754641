"""Array aliases shared by the probes."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating[Any]]
"""Real numbers: activations (n_examples, d_model), scores (n_examples,)."""

LabelArray: TypeAlias = NDArray[Any]
"""Class labels (n_examples,): strings, integers or booleans."""

BoolArray: TypeAlias = NDArray[np.bool_]
"""Masks (n_examples,)."""

Layers: TypeAlias = tuple[tuple[FloatArray, FloatArray], ...]
"""(weight (n_out, n_in), bias (n_out,)) of each affine map, from activations to scores, ReLU between."""
