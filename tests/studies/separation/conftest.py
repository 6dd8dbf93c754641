"""Small worlds with heavy tails, whose answer is planted by a formula in a few lines."""

import numpy as np
import pytest
from scipy.stats import norm

from unsinter.studies.separation import Pair

MULTIPLES = {
    "separable": lambda z, w: (z, w),
    "shared": lambda z, w: (z + w, 0 * w),
    "reversed": lambda z, w: (z - w, 0 * w),
    "first-only": lambda z, w: (z, 0 * w),
    "second-only": lambda z, w: (0 * z, w),
    "neither": lambda z, w: (0 * z, 0 * w),
}
"""Kind of world to the multiples of two orthogonal axes that are added to noise."""


def draw_labels(n, phi, rng):
    """Return z and w (n,), each 1 in half of the rows, with correlation ``phi``."""
    z = rng.integers(0, 2, n)
    return z, np.where(rng.random(n) < (1 + phi) / 2, z, 1 - z)


def draw_noise(n, d, rng):
    """Return rows (n, d) of independent student-t(4) columns of unit variance."""
    return rng.standard_t(4, size=(n, d)) / np.sqrt(2)


def effect(auroc):
    """Return the Mahalanobis distance between classes that the best linear reader tells apart so well."""
    return np.sqrt(2) * norm.ppf(auroc)


@pytest.fixture(scope="session")
def labels():
    """See ``draw_labels``."""
    return draw_labels


@pytest.fixture(scope="session")
def noise():
    """See ``draw_noise``."""
    return draw_noise


@pytest.fixture(scope="session")
def planted():
    """Return a maker of activations and a pair: columns of unequal scale and offset, student-t(4) noise."""

    def make(kind, *, n=600, d=32, phi=0.3, seed=0, auroc=0.95, **fields):
        rng = np.random.default_rng([seed, n, d])
        z, w = draw_labels(n, phi, rng)
        u, v = np.linalg.qr(rng.standard_normal((d, 2)))[0].T
        first, second = MULTIPLES[kind](z, w)
        X = draw_noise(n, d, rng) + effect(auroc) * (np.outer(first, u) + np.outer(second, v))
        X = X * np.exp(rng.standard_normal(d)) + 10 * rng.standard_normal(d)
        return X, Pair(**({"name": kind, "z": z, "w": w, "groups": np.arange(n)} | fields))

    return make


@pytest.fixture(scope="session")
def length():
    """See ``effect``."""
    return effect
