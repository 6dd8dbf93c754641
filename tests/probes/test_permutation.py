import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from sklearn.metrics import f1_score, roc_auc_score

from unsinter.probes.permutation import _permuted, group_permutation_p

SIZES = {
    "triples": lambda rng: np.full(40, 3),
    "unequal": lambda rng: rng.geometric(0.4, 60),
    "one group of a size": lambda rng: np.r_[np.ones(20, int), np.arange(5, 25)],
}


def world(rng, sizes, *, effect=0.0, n_sites=20, n_classes=2):
    """Labels and scores that both cluster by group; sites are correlated; ``effect`` ties them to labels."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    codes = rng.integers(0, n_classes, len(sizes))[groups]
    strays = rng.random(len(groups)) < 0.2
    codes[strays] = rng.integers(0, n_classes, strays.sum())
    shared = rng.normal(size=(1, len(sizes)))
    own = rng.normal(size=(n_sites, len(sizes)))
    scores = (0.8 * shared + 0.6 * own)[:, groups] + 0.5 * rng.normal(size=(n_sites, len(groups)))
    scores[n_sites // 2] += effect * codes
    return scores, codes, groups


@pytest.mark.parametrize("name", SIZES)
def test_under_the_null_p_is_uniform_and_no_more_than_five_per_cent_of_worlds_raise_an_alarm(name):
    raw, lowest = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        result = group_permutation_p(*world(rng, SIZES[name](rng)), n_permutations=199, seed=seed)
        raw.append(result.p_raw[0])
        lowest.append(result.p_value.min())
    assert kstest(raw, "uniform").pvalue > 0.01
    assert np.mean(np.array(lowest) <= 0.05) <= 0.08  # 5 % and 2.4 standard errors of 300 worlds


def test_shuffling_rows_one_by_one_would_raise_false_alarms_that_whole_groups_do_not():
    """The same worlds, told that every row is a group of its own: the trap this test guards."""
    alarms = []
    for seed in range(100):
        scores, codes, groups = world(np.random.default_rng(seed), np.full(20, 6))
        alarms.append(
            [
                group_permutation_p(scores, codes, g, n_permutations=199, seed=seed).p_value.min() <= 0.05
                for g in (groups, np.arange(len(groups)))
            ]
        )
    whole, rowwise = np.mean(alarms, axis=0)
    assert whole <= 0.1
    assert rowwise > 0.3


def test_a_planted_site_is_found_and_the_others_are_not():
    result = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores, codes, groups = world(rng, np.full(60, 3), effect=1.5)
        result.append(
            group_permutation_p(scores, codes, groups, n_permutations=199, seed=seed).p_value <= 0.05
        )
    hits = np.mean(result, axis=0)
    assert hits[10] >= 0.95
    assert np.delete(hits, 10).max() <= 0.15


def test_twin_pairs_are_told_apart_though_moving_whole_pairs_changes_nothing():
    rng = np.random.default_rng(0)
    codes, groups = np.tile([0, 1], 60), np.repeat(np.arange(60), 2)
    scores = rng.normal(size=(2, 120))
    scores[1] += codes
    result = group_permutation_p(scores, codes, groups, n_permutations=499, seed=0)
    assert result.p_value[1] == 1 / 500
    assert result.p_value[0] > 0.05


def test_the_statistic_is_scikit_learns():
    rng = np.random.default_rng(1)
    codes, groups = rng.integers(0, 2, 80), np.arange(80)
    scores = np.round(rng.normal(size=(3, 80)), 1)
    result = group_permutation_p(scores, codes, groups, n_permutations=9, seed=0)
    assert result.observed == pytest.approx([roc_auc_score(codes, row) for row in scores])
    many, codes = rng.normal(size=(3, 80, 4)), rng.integers(0, 3, 80)  # the fourth class is in no row
    result = group_permutation_p(many, codes, groups, n_permutations=9, seed=0)
    expected = [f1_score(codes, s.argmax(axis=1), labels=[0, 1, 2], average="macro") for s in many]
    assert result.observed == pytest.approx(expected)


def test_many_classes_are_found_too():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(60), 2)
    codes = rng.integers(0, 4, 60)[groups]
    scores = rng.normal(size=(5, 120, 4))
    scores[2, np.arange(120), codes] += 2
    result = group_permutation_p(scores, codes, groups, n_permutations=199, seed=0)
    assert result.p_value[2] == 1 / 200
    assert np.delete(result.p_value, 2).min() > 0.01


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_every_permutation_deals_the_labels_of_whole_groups_to_groups_of_their_size(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.geometric(0.5, 12)
    groups = np.repeat(np.arange(12), sizes)[rng.permutation(sizes.sum())]
    codes = rng.integers(0, 3, len(groups))

    def statistic_of(labels):
        return sorted((int((groups == g).sum()), sorted(labels[groups == g].tolist())) for g in range(12))

    for labels in next(_permuted(codes, groups, np.arange(len(groups)), 5, seed)).T:
        assert statistic_of(labels) == statistic_of(codes)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_every_permutation_deals_the_labels_of_whole_units_to_units_of_their_size(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, 24)
    shuffled = rng.permutation(sizes.sum())
    units = np.repeat(np.arange(24), sizes)[shuffled]
    groups, codes = units // 2, rng.integers(0, 3, len(units))

    def labels_of(labels, unit):
        return tuple(sorted(labels[units == unit].tolist()))

    def dealt(labels):
        return sorted(sorted(labels_of(labels, unit) for unit in (2 * g, 2 * g + 1)) for g in range(12))

    for labels in next(_permuted(codes, groups, units, 5, seed)).T:
        assert dealt(labels) == dealt(codes)


def test_samples_of_the_prompts_of_a_pair_raise_no_false_alarms_unless_they_are_reordered_one_by_one():
    alarms = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        prompts = np.repeat(np.arange(60), 4)
        codes = (rng.random(240) < np.where(prompts % 2, 0.95, 0.05)).astype(int)
        scores = rng.normal(size=60)[None, prompts]
        alarms.append(
            [
                group_permutation_p(
                    scores, codes, prompts // 2, units=units, n_permutations=99, seed=seed
                ).p_value
                <= 0.05
                for units in (prompts, None)
            ]
        )
    as_units, one_by_one = np.mean(alarms, axis=0).ravel()
    assert as_units <= 0.09
    assert one_by_one > 0.15


def test_p_counts_the_true_labelling_and_is_the_same_for_the_same_seed():
    scores, codes, groups = world(np.random.default_rng(3), np.full(60, 2), effect=9.0)
    one, other = (group_permutation_p(scores, codes, groups, n_permutations=600, seed=5) for _ in range(2))
    assert one.p_value.min() == 1 / 601
    assert (one.p_raw <= one.p_value).all()
    np.testing.assert_array_equal(one.p_value, other.p_value)


def test_scores_that_are_all_equal_are_never_significant():
    codes = np.arange(40) % 2
    result = group_permutation_p(np.zeros((2, 40)), codes, np.arange(40), n_permutations=99)
    assert result.p_value.tolist() == [1.0, 1.0]


def test_shapes_that_do_not_match_and_one_class_are_refused_in_words():
    with pytest.raises(ValueError, match=r"scores must be \(n_sites, 4\)"):
        group_permutation_p(np.zeros((2, 5)), np.array([0, 1, 0, 1]), np.arange(4))
    with pytest.raises(ValueError, match="one class only"):
        group_permutation_p(np.zeros((2, 4)), np.zeros(4, dtype=int), np.arange(4))
