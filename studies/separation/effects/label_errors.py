"""What the true labels are expected to be, from the observed ones and how often these are right."""

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray

Sure = tuple[float, float]
"""Probability that an observed 0, and an observed 1, is the true label."""


def expected_labels(
    z: NDArray[np.integer], w: NDArray[np.integer], z_sure: Sure | None, w_sure: Sure | None
) -> tuple[FloatArray, FloatArray]:
    """Return E[true z | observed z, w] and E[true w | observed z, w], each (n,).

    Regressing activations on these instead of the observed labels gives the effects of the true ones without
    bias where effects add up and a label errs independently of the other label and of the activations
    (regression calibration, Carroll et al. 2006). The joint frequencies of the true labels follow from the
    observed ones through the inverse of both confusion matrices. None takes a label as it is.
    """
    confusion = np.kron(_observed_of_true(z, z_sure), _observed_of_true(w, w_sure))
    observed = 2 * z + w
    shares = np.bincount(observed, minlength=4) / len(z)
    true = np.clip(np.linalg.solve(confusion, shares), 0, None)
    joint = confusion * (true / true.sum())
    posterior = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
    first, second = posterior @ np.array([0, 0, 1, 1.0]), posterior @ np.array([0, 1, 0, 1.0])
    return first[observed], second[observed]


def _observed_of_true(codes: NDArray[np.integer], sure: Sure | None) -> FloatArray:
    """Return P(observed | true) (2, 2), rows observed, from P(true = observed | observed) and the
    frequencies."""
    if sure is None:
        return np.eye(2)
    share = np.array([1 - codes.mean(), codes.mean()])
    joint = np.array([[sure[0], 1 - sure[0]], [1 - sure[1], sure[1]]]) * share[:, None]
    return np.asarray(joint / joint.sum(axis=0))
