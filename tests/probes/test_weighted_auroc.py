"""Every way in which an AUROC is counted here is scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from unsinter.probes.permutation import pure_and_mixed_permutations, shuffles_within
from unsinter.probes.weighted_auroc import LabellingAuroc, RankPlaces, auroc, placements, summed
from unsinter.studies.transfer.cell_scores import Board
from unsinter.studies.transfer.plans import Plan, Side

rows = st.lists(
    st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 4)), min_size=2, max_size=40
).filter(lambda drawn: len({positive for _, positive, weight in drawn if weight}) == 2)


@settings(max_examples=200, deadline=None)
@given(rows)
def test_with_weights_and_ties_it_is_that_of_scikit_learn(drawn):
    scores, positive, weights = (np.array(column) for column in zip(*drawn, strict=True))
    expected = roc_auc_score(positive, scores, sample_weight=weights)
    (result,) = auroc(scores.astype(float), positive, weights=weights[None].astype(float))
    assert result == pytest.approx(expected, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(rows, st.integers(0, 5))
def test_values_of_strata_labellings_rows_and_transfer_cells_are_the_same_number(drawn, seed):
    scores, positive, _ = (np.array(column) for column in zip(*drawn, strict=True))
    scores = scores.astype(float)
    expected = roc_auc_score(positive, scores)
    assert auroc(scores, positive, strata=np.zeros(len(scores)))[0] == pytest.approx(expected, abs=1e-12)
    over, under = placements(scores[None, positive], scores[None, ~positive])
    assert over.mean() == pytest.approx(expected, abs=1e-12)
    assert under.mean() == pytest.approx(expected, abs=1e-12)
    orders = np.random.default_rng(seed).permuted(np.tile(positive, (4, 1)), axis=1)
    labellings = LabellingAuroc(scores[None], n_positive=int(positive.sum()))(orders.T)
    np.testing.assert_allclose(labellings[0], [roc_auc_score(y, scores) for y in orders], atol=1e-12)
    side = Side(positive=np.flatnonzero(positive), negative=np.flatnonzero(~positive))
    beyond = Side(positive=np.array([len(scores)]), negative=np.array([len(scores) + 1]))
    plan = Plan(kind="source", trained={"x": beyond}, tested={"y": side})
    board = Board(plan, np.arange(len(scores) + 2).astype(str), n_draws=2, seed=0)
    assert board.cells(scores)[0, 0] == pytest.approx(expected, abs=1e-6)  # single precision


def test_a_positive_beats_the_weight_below_it_and_half_of_what_ties():
    places = RankPlaces.of(np.array([0.0, 2.0, 9.0]), np.array([1.0, 2.0, 2.0, 3.0]))
    below = summed(np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [4.0, 0.0]]))
    np.testing.assert_array_equal(places.beaten(below), [[0, 0], [3.5, 2], [10, 3]])


def test_rows_shuffled_within_blocks_stay_in_their_block():
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 4, 200)
    values = blocks * 100 + rng.integers(0, 50, 200)
    drawn = shuffles_within(values.astype(float), blocks, n=30, rng=rng)
    for block in range(4):
        own = np.sort(values[blocks == block])
        np.testing.assert_array_equal(np.sort(drawn[:, blocks == block], axis=1), np.tile(own, (30, 1)))
    assert (drawn != values).mean() > 0.5


def test_groups_of_one_label_trade_it_whole_and_twins_trade_inside():
    """Eight groups of one label in unequal sizes, and forty twin pairs of both."""
    groups = np.concatenate([np.repeat(np.arange(8), np.arange(1, 9)), np.repeat(np.arange(8, 48), 2)])
    pure = groups < 8
    labels = np.where(pure, groups % 2 == 0, np.arange(len(groups)) % 2 == 0)
    drawn = pure_and_mixed_permutations(labels, groups, n=400, rng=np.random.default_rng(0))
    for group in range(8):
        own = drawn[:, groups == group]
        assert (own == own[:, :1]).all()
        assert own.mean() == pytest.approx(0.5, abs=0.1)
    assert (drawn[:, ~pure].reshape(400, 40, 2).sum(axis=2) == 1).all()
    np.testing.assert_allclose(drawn[:, ~pure].mean(axis=0), 0.5, atol=0.12)
