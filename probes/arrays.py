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
