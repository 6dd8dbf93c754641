"""Sums over pairs of units of their squared products, by whichever way is shorter: pairs, or moments."""

import torch
from torch import Tensor

_BLOCK_PRODUCTS = 2**23
"""Products of pairs that stand in memory at once."""


def square_sums(first: Tensor, second: Tensor, weights: Tensor, others: Tensor) -> Tensor:
    """Return, for each design, the sums over pairs (u, v) of a_u (x_u . y_v)^2 b_v (k, m, m), float64.

    Parameters
    ----------
    first, second : (n, p) and (n', p) vectors x and y.
    weights, others : (k, m, n) and (k, m, n') weights a and b of k designs.
    """
    n_weights, n_dimensions = weights.shape[0] * weights.shape[1], first.shape[1]
    by_pairs = len(first) * len(second) * (n_dimensions + n_weights)
    by_moments = n_weights * n_dimensions**2 * (len(first) + len(second))
    way = sums_by_pairs if by_pairs <= by_moments else sums_by_moments
    return way(first, second, weights, others)


def sums_by_pairs(first: Tensor, second: Tensor, weights: Tensor, others: Tensor) -> Tensor:
    """Return the sums by the product of every pair, a block of pairs at a time."""
    seen = torch.zeros((weights.shape[0] * weights.shape[1], len(second)), dtype=first.dtype)
    flat = weights.reshape(len(seen), -1)
    block = max(1, _BLOCK_PRODUCTS // max(len(second), 1))
    for start in range(0, len(first), block):
        rows = slice(start, start + block)
        seen += flat[:, rows] @ (first[rows] @ second.T).square_()
    return seen.reshape(*weights.shape[:2], -1).double() @ others.double().transpose(1, 2)


def sums_by_moments(first: Tensor, second: Tensor, weights: Tensor, others: Tensor) -> Tensor:
    """Return the sums without a pair: (x . y)^2 is the inner product of x x' and y y', so weighted
    second moments of both sides hold them all."""
    sums = []
    for own, other in zip(weights, others, strict=True):
        moments = [
            torch.stack([(vectors.T * weight) @ vectors for weight in part]).double()
            for vectors, part in ((first, own), (second, other))
        ]
        sums.append(torch.einsum("apq,bpq->ab", *moments))
    return torch.stack(sums)
