"""Sums over pairs of units: both ways give what the definition says, whatever the block."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.studies.separation.effects import unit_pairs
from unsinter.studies.separation.effects.unit_pairs import square_sums, sums_by_moments, sums_by_pairs


def drawn(seed, n, n_others, p, k=2, m=6):
    rng = np.random.default_rng(seed)
    shapes = ((n, p), (n_others, p), (k, m, n), (k, m, n_others))
    return [torch.as_tensor(rng.normal(size=shape)) for shape in shapes]


def as_defined(first, second, weights, others):
    sums = np.zeros((weights.shape[0], weights.shape[1], others.shape[1]))
    for u, x in enumerate(first.numpy()):
        for v, y in enumerate(second.numpy()):
            pair = np.einsum("ka,kb->kab", weights[..., u].numpy(), others[..., v].numpy())
            sums += pair * float(x @ y) ** 2
    return sums


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n=st.integers(1, 9),
    n_others=st.integers(1, 9),
    p=st.integers(1, 7),
    way=st.sampled_from([square_sums, sums_by_moments, sums_by_pairs]),
)
def test_either_way_gives_the_sum_over_all_pairs(seed, n, n_others, p, way):
    inputs = drawn(seed, n, n_others, p)
    assert np.allclose(way(*inputs).numpy(), as_defined(*inputs), rtol=1e-9, atol=1e-9)


def test_blocks_of_pairs_change_no_sum(monkeypatch):
    inputs = drawn(0, 23, 17, 4)
    whole = sums_by_pairs(*inputs)
    monkeypatch.setattr(unit_pairs, "_BLOCK_PRODUCTS", 3 * 17)
    assert torch.allclose(sums_by_pairs(*inputs), whole, rtol=1e-12)


@pytest.mark.parametrize(("n", "p", "chosen"), [(40, 30, "sums_by_pairs"), (4000, 3, "sums_by_moments")])
def test_the_way_with_fewer_products_is_taken(n, p, chosen, monkeypatch):
    taken = []
    for name in ("sums_by_pairs", "sums_by_moments"):
        monkeypatch.setattr(unit_pairs, name, lambda *inputs, name=name: taken.append(name))
    square_sums(*drawn(0, n, n, p))
    assert taken == [chosen]
