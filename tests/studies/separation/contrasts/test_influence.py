import numpy as np
import pytest
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score

from unsinter.studies.separation.contrasts.bands import simultaneous_band
from unsinter.studies.separation.contrasts.comparison import FIRST, Comparison
from unsinter.studies.separation.contrasts.influence import Statistic, held_fixed_auroc


def comparison(positive, blocks):
    return Comparison(name="a", probe=FIRST, positive=np.asarray(positive), blocks=np.asarray(blocks))


def no_pull(scores):
    return np.zeros_like(scores, dtype=float)


def test_rows_are_compared_within_their_block_only_and_blocks_weigh_by_their_pairs():
    rng = np.random.default_rng(0)
    positive, blocks = rng.random(300) < 0.4, rng.integers(-1, 3, 300)
    scores = (rng.normal(size=(2, 300)) + positive + 50 * blocks).round(
        1
    )  # ties within, gulfs between blocks
    result = held_fixed_auroc(scores, no_pull(scores), comparison(positive, blocks))
    for site in range(2):
        parts, weights = [], []
        for block in range(3):
            own = blocks == block
            n1, n0 = positive[own].sum(), (~positive[own]).sum()
            parts.append(roc_auc_score(positive[own], scores[site, own]))
            weights.append(n1 * n0 / (n1 + n0))
        assert result.value[site] == pytest.approx(np.average(parts, weights=weights), abs=1e-12)
    assert (result.influence[:, blocks == -1] == 0).all()


def test_the_influence_of_a_row_is_what_leaving_it_out_changes():
    rng = np.random.default_rng(1)
    positive = rng.random(400) < 0.5
    blocks = np.zeros(400, dtype=int)
    scores = rng.normal(size=(1, 400)) + positive
    result = held_fixed_auroc(scores, no_pull(scores), comparison(positive, blocks))
    for row in range(0, 400, 37):
        left = np.arange(400) != row
        without = roc_auc_score(positive[left], scores[0, left])
        n = positive.sum() if positive[row] else (~positive).sum()
        assert result.influence[0, row] * n / (n - 1) == pytest.approx(result.value[0] - without, abs=1e-9)


def test_a_perfect_auroc_of_few_rows_is_not_taken_for_certain():
    positive = np.repeat([True, False], 30)
    scores = np.where(positive, 1.0, 0.0)[None] + np.arange(60) / 1000
    result = held_fixed_auroc(scores, no_pull(scores), comparison(positive, np.zeros(60, dtype=int)))
    low, _ = simultaneous_band(result, np.arange(60), level=0.95, n_draws=200, seed=0)
    assert result.value[0] == 1
    assert 0.93 < low[0] < 0.985  # one wrong row among 30 is not excluded


def test_a_block_of_one_class_takes_no_part_and_none_left_gives_nothing():
    scores = np.arange(6.0)[None]
    positive = np.array([True, True, True, False, True, False])
    result = held_fixed_auroc(scores, no_pull(scores), comparison(positive, [0, 0, 0, 1, 1, 1]))
    assert result.value[0] == pytest.approx(0.5)
    assert held_fixed_auroc(scores, no_pull(scores), comparison(positive, [0, 0, 0, -1, -1, -1])) is None


def statistic(influence):
    k = len(influence)
    return Statistic(
        value=np.zeros(k), influence=influence, training=np.zeros_like(influence), least_error=np.zeros(k)
    )


def test_a_single_band_is_that_of_student_and_many_independent_ones_are_wider_by_max_t():
    influence = np.random.default_rng(0).normal(size=(20, 4000))
    error = np.sqrt((influence**2).sum(axis=1) * 4000 / 3999)
    groups = np.arange(4000)
    _, alone = simultaneous_band(statistic(influence[:1]), groups, level=0.95, n_draws=1000, seed=0)
    counted = (influence[0] ** 2).sum() ** 2 / (influence[0] ** 4).sum()
    assert alone[0] / error[0] == pytest.approx(t.ppf(0.95, counted - 1), rel=1e-6)
    _, high = simultaneous_band(statistic(influence), groups, level=0.95, n_draws=20_000, seed=0)
    assert (high / error).mean() == pytest.approx(norm.ppf((1 + 0.9 ** (1 / 20)) / 2), abs=0.05)


def test_rows_of_one_group_count_as_one_draw():
    influence = np.repeat(np.random.default_rng(0).normal(size=(1, 500)), 4, axis=1)
    apart = simultaneous_band(statistic(influence), np.arange(2000), level=0.95, n_draws=100, seed=0)
    together = simultaneous_band(
        statistic(influence), np.repeat(np.arange(500), 4), level=0.95, n_draws=100, seed=0
    )
    assert together[1][0] / apart[1][0] == pytest.approx(2.0, rel=0.01)


def test_the_least_error_is_the_same_whichever_value_is_coded_1():
    rng = np.random.default_rng(0)
    positive = np.arange(90) < 20
    scores = rng.normal(size=(1, 90)) + 6 * positive
    one, other = (
        held_fixed_auroc(sign * scores, no_pull(scores), comparison(own, np.zeros(90, dtype=int)))
        for sign, own in ((1, positive), (-1, ~positive))
    )
    assert one.value == pytest.approx(other.value)
    assert one.least_error == pytest.approx(other.least_error)
