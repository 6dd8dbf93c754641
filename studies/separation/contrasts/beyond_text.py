"""Usable bits of a factor in the activations, beyond its text and the other factor."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from unsinter.probes.arrays import FloatArray

_RIDGE = 1e-4
"""Penalty per row, on inputs of unit deviation, that keeps the weights of separable rows finite.

So small that a text which tells everything leaves less than a hundredth of a bit to be gained."""

_STEPS = 25


def bits_beyond(
    known: FloatArray, scores: FloatArray, truth: NDArray[np.integer], folds: NDArray[np.intp]
) -> FloatArray:
    """Return log2 p(truth | known, score) - log2 p(truth | known) of each row, per site (n_sites, n).

    Both arms are logistic and fitted on the other folds; the arm that does not see the activations has the
    same form with that input left at zero (conditional V-information, arXiv:2109.09234).

    Parameters
    ----------
    known : (n, k) scores of the text, cross-fitted, and the other factor.
    scores : (n_sites, n) cross-fitted scores of the activations.
    """
    without = _log_probability(known[None], truth, folds)
    both = np.concatenate([np.broadcast_to(known, (len(scores), *known.shape)), scores[:, :, None]], axis=2)
    return (_log_probability(both, truth, folds) - without) / np.log(2)


def _log_probability(X: FloatArray, truth: NDArray[np.integer], folds: NDArray[np.intp]) -> FloatArray:
    """Return nats of each row's true class (n_sites, n) by fits on the other folds."""
    spread = X.std(axis=1, keepdims=True)
    X = (X - X.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    X = np.concatenate([X, np.ones((*X.shape[:2], 1))], axis=2).astype(np.float64)
    margin = np.empty(X.shape[:2])
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        weights = _newton(X[:, train], truth[train])
        margin[:, test] = np.einsum("snk,sk->sn", X[:, test], weights)
    sign = np.where(truth == 1, 1.0, -1.0)
    return -np.logaddexp(0, -sign * margin)


def _newton(X: FloatArray, truth: NDArray[np.integer]) -> FloatArray:
    """Return penalised logistic weights (n_sites, k) of X (n_sites, n, k), last column the intercept."""
    n_sites, n, k = X.shape
    penalty = np.full(k, _RIDGE * n)
    penalty[-1] = 0.0
    weights = np.zeros((n_sites, k))
    across = np.ascontiguousarray(X.swapaxes(1, 2))
    for _ in range(_STEPS):
        p = expit(np.clip((X @ weights[:, :, None])[:, :, 0], -30, 30))
        gradient = (across @ (p - truth)[:, :, None])[:, :, 0] + penalty * weights
        curvature = (across * (p * (1 - p))[:, None]) @ X + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights
