import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.probes import LogisticProbe
from unsinter.probes.metrics import auroc
from unsinter.probes.permutation import shuffle_over_groups
from unsinter.studies.probing.controls import (
    N_SHUFFLES,
    chance_corrected_agreement,
    control_task,
    shuffled_codes,
)


def rows(seed, *, n_groups=60, size=4, n_classes=2):
    rng = np.random.default_rng(seed)
    groups = np.array([f"g{i}" for i in np.repeat(np.arange(n_groups), size)])
    codes = rng.choice(
        n_classes, p=np.arange(1, n_classes + 1) / sum(range(1, n_classes + 1)), size=len(groups)
    )
    return codes, groups


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_every_group_has_one_label_and_rows_on_both_sides(seed, n_classes):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 60, 300)
    codes = rng.integers(-1, n_classes, 300)
    train = np.flatnonzero(groups % 4 > 0)
    control = control_task(codes, groups, train, n_classes=n_classes, seed=seed)
    if control is None:
        labelled = train[codes[train] >= 0]
        _, sizes = np.unique(groups[labelled], return_counts=True)
        assert (sizes >= 2).sum() < 30
        return
    used = np.r_[control.fit_rows, control.score_rows]
    assert np.isin(used, train).all()
    assert len(set(used)) == len(used)
    assert (codes[used] >= 0).all()
    assert set(groups[control.fit_rows]) == set(groups[control.score_rows])
    assert all(len(set(control.codes[used][groups[used] == g])) == 1 for g in set(groups[used]))
    assert (control.codes[np.setdiff1d(np.arange(300), used)] == -1).all()
    np.testing.assert_array_equal(np.flatnonzero(control.task.trains), control.fit_rows)


def test_the_groups_have_the_class_balance_of_the_target():
    codes, groups = rows(0, n_groups=100, n_classes=3)
    control = control_task(codes, groups, np.arange(400), n_classes=3, seed=0)
    per_group = [control.codes[groups == g][0] for g in np.unique(groups)]
    np.testing.assert_allclose(np.bincount(per_group) / 100, np.bincount(codes) / 400, atol=0.01)


def test_where_every_group_of_several_rows_is_of_one_class_there_is_no_control_task():
    """The other class stands in groups of a single row, which can have none on both sides."""
    groups = np.r_[np.repeat(np.arange(40), 2), 40 + np.arange(40)]
    codes = (groups >= 40).astype(int)
    assert control_task(codes, groups, np.arange(120), n_classes=2, seed=0) is None


def test_a_rare_class_keeps_two_groups():
    codes, groups = np.zeros(160, dtype=int), np.repeat(np.arange(40), 4)
    codes[0] = 1
    control = control_task(codes, groups, np.arange(160), n_classes=2, seed=0)
    assert len(set(groups[control.codes == 1])) == 2


def control_score(X, codes, groups):
    result = []
    for seed in range(10):
        control = control_task(codes, groups, np.arange(len(codes)), n_classes=2, seed=seed)
        fit = LogisticProbe(penalty=1e-3).fit(X[control.fit_rows], control.codes[control.fit_rows])
        result.append(control.score(fit.decision_function(X)))
    return np.mean(result)


def test_a_probe_that_memorises_surfaces_does_well_and_one_that_reads_the_label_does_not():
    """Wide surfaces, one of a kind per group, can be memorised; one column that holds the label cannot."""
    codes, groups = rows(1)
    rng = np.random.default_rng(1)
    surface = rng.normal(size=(60, 200))[np.repeat(np.arange(60), 4)] + 0.1 * rng.normal(size=(240, 200))
    assert control_score(surface, codes, groups) > 0.95
    label_only = codes[:, None] + 0.1 * rng.normal(size=(240, 1))
    assert control_score(label_only, codes, groups) == pytest.approx(0.5, abs=0.06)


def test_many_classes_are_scored_by_macro_f1():
    codes, groups = rows(2, n_classes=3)
    control = control_task(codes, groups, np.arange(240), n_classes=3, seed=0)
    assert control.score(np.eye(3)[control.codes]) == 1.0
    assert control.score(np.eye(3)[(control.codes + 1) % 3]) == 0.0


def test_too_few_groups_of_two_give_no_control_and_the_reason_in_words():
    codes = np.zeros(100, dtype=int)
    codes[::2] = 1
    single = np.arange(100)
    assert control_task(codes, single, np.arange(100), n_classes=2, seed=0) is None
    pairs = np.repeat(np.arange(50), 2)
    assert control_task(codes, pairs, np.arange(60), n_classes=2, seed=0) is not None
    assert control_task(codes, pairs, np.arange(58), n_classes=2, seed=0) is None


def test_one_seed_is_one_task():
    codes, groups = rows(3)
    one, same, other = (
        control_task(codes, groups, np.arange(240), n_classes=2, seed=seed).codes for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_shuffled_labels_are_those_of_training_rows_and_tell_nothing_of_held_out_ones():
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(150), 2)
    codes = np.tile([0, 1], 150)  # every group a twin pair
    X = rng.normal(size=(300, 5)) + 2 * codes[:, None] * np.eye(5)[0]
    train, test = np.arange(200), np.arange(200, 300)
    result = []
    for shuffled in shuffled_codes(codes, groups, train, seed=0):
        assert (shuffled[test] == -1).all()
        np.testing.assert_array_equal(np.bincount(shuffled[train]), np.bincount(codes[train]))
        fit = LogisticProbe().fit(X[train], shuffled[train])
        result.append(auroc(fit.decision_function(X[test]), codes[test] == 1)[0])
    assert np.mean(result) == pytest.approx(0.5, abs=4 * np.std(result) / np.sqrt(N_SHUFFLES))
    true = LogisticProbe().fit(X[train], codes[train])
    assert auroc(true.decision_function(X[test]), codes[test] == 1)[0] > 0.85


def world_of_one_direction(n_groups=300, *, sizes=(2, 2), seed=5):
    """One column holds the label at ten times the noise of the others: what makes one shuffle stray."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), rng.integers(sizes[0], sizes[1] + 1, n_groups))
    codes = rng.integers(0, 2, len(groups))
    X = rng.normal(size=(len(groups), 8)) + 10 * codes[:, None] * np.eye(8)[0]
    return X, codes, groups, np.flatnonzero(groups % 3 > 0), np.flatnonzero(groups % 3 == 0)


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2), (1, 6)])
def test_shuffled_labels_stay_at_chance_where_one_strong_direction_holds_the_truth(sizes):
    X, codes, groups, train, test = world_of_one_direction(1200 // sum(sizes), sizes=sizes)

    def scores(draws):
        result = []
        for shuffled in draws:
            fit = LogisticProbe(penalty=0.1).fit(X[train], shuffled[train])
            result.append(auroc(fit.decision_function(X[test]), codes[test] == 1)[0])
        return np.array(result)

    def plain(seed):
        result = np.full(len(codes), -1)
        result[train] = shuffle_over_groups(codes[train], groups[train], seed=seed)
        return result

    own = scores(shuffled_codes(codes, groups, train, seed=0))
    naive = scores(plain(seed) for seed in range(N_SHUFFLES))
    assert own.mean() == pytest.approx(0.5, abs=0.06)
    assert own.std(ddof=1) / np.sqrt(N_SHUFFLES) < 0.02
    assert naive.std() > 2 * own.std()


def test_every_shuffle_agrees_with_the_truth_as_often_as_chance_has_it_by_the_weights_of_the_fit():
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(200), 3)
    codes = rng.choice(3, p=[0.6, 0.3, 0.1], size=600)
    weights = np.where(codes == 2, 6.0, 1.0)
    for w in (None, weights):
        own = np.ones(600) if w is None else w
        plain = [
            chance_corrected_agreement(shuffle_over_groups(codes, groups, seed=s), codes, weights=own)
            for s in range(40)
        ]
        drawn = shuffled_codes(codes, groups, np.arange(600), seed=0, weights=w)
        kept = [chance_corrected_agreement(labels, codes, weights=own) for labels in drawn]
        assert np.abs(kept).mean() < 0.15 * np.abs(plain).mean()
        assert abs(np.mean(kept)) < 0.01 * np.abs(plain).mean()


def test_the_agreement_of_two_classes_is_twice_their_covariance():
    rng = np.random.default_rng(7)
    one, other, w = rng.integers(0, 2, 50), rng.integers(0, 2, 50), rng.random(50)
    expected = 2 * np.cov(one, other, aweights=w, ddof=0)[0, 1]
    assert chance_corrected_agreement(one, other, weights=w) == pytest.approx(expected)


def test_a_shuffle_keeps_the_labels_of_a_group_together():
    groups = np.repeat(np.arange(100), 4)
    codes = np.repeat(np.arange(100) % 2, 4)
    shuffled = shuffle_over_groups(codes, groups, seed=0)
    assert all(len(set(shuffled[groups == g])) == 1 for g in range(100))
    assert 30 < sum(shuffled[::4] == codes[::4]) < 70


def test_a_shuffle_keeps_the_labels_of_a_unit_together_and_in_no_order_of_its_group():
    """Samples of one prompt: two prompts in each group, five samples each."""
    groups, units = np.repeat(np.arange(100), 10), np.repeat(np.arange(200), 5)
    codes = np.repeat(np.arange(200) % 2, 5)
    plain = [
        np.ptp(shuffle_over_groups(codes, groups, seed=s).reshape(200, 5), axis=1).mean() for s in range(5)
    ]
    shuffled = [shuffle_over_groups(codes, groups, seed=s, units=units).reshape(200, 5) for s in range(5)]
    assert min(plain) > 0.8
    assert all((np.ptp(labels, axis=1) == 0).all() for labels in shuffled)
    firsts = np.array([labels[:, 0] for labels in shuffled])
    assert all(0.35 < (own == np.arange(200) % 2).mean() < 0.65 for own in firsts)


def test_shuffled_codes_of_samples_stray_from_chance_as_labels_of_prompts_do():
    """Ten samples of a prompt are nearly one label: dealt singly they would hide how far chance strays."""
    rng = np.random.default_rng(11)
    groups = np.repeat(np.arange(160), 10)
    codes = (rng.random(1600) < np.repeat(rng.choice([0.05, 0.95], 160), 10)).astype(int)
    x = np.repeat(rng.normal(size=160), 10)
    pairs = np.repeat(np.arange(80), 20)

    def strays(**units):
        drawn = shuffled_codes(codes, pairs, np.arange(1600), seed=0, **units)
        return np.std([np.corrcoef(x, labels)[0, 1] for labels in drawn])

    alone = np.std([np.corrcoef(x, np.repeat(rng.permutation(codes[::10]), 10))[0, 1] for _ in range(200)])
    assert strays(units=groups) == pytest.approx(alone, rel=0.35)
    assert strays() < 0.8 * strays(units=groups)


def test_controls_read_columns_by_place_and_no_group_may_be_missing():
    codes, groups = rows(8)
    index = np.random.default_rng(0).permutation(240)
    table = pd.DataFrame({"y": codes, "g": groups}, index=index)
    train = np.arange(200)
    expected = shuffled_codes(codes, groups, train, seed=0)
    np.testing.assert_array_equal(shuffled_codes(table.y, table.g, train, seed=0), expected)
    one, other = (control_task(*c, train, n_classes=2, seed=0) for c in ((codes, groups), (table.y, table.g)))
    np.testing.assert_array_equal(one.codes, other.codes)
    with pytest.raises(ValueError, match="groups is missing"):
        shuffled_codes(codes, [None, *groups[1:]], train, seed=0)


def test_a_control_has_an_interval_over_its_groups_that_an_independent_bootstrap_agrees_with():
    codes, groups = rows(3, n_groups=67, size=2)
    control = control_task(codes, groups, np.arange(len(codes)), n_classes=2, seed=0)
    assert control.n_groups == 67
    scores = np.random.default_rng(5).normal(size=len(codes)) + 1.5 * (control.codes == 1)
    low, high = control.interval(scores)
    assert low < control.score(scores) < high
    rng = np.random.default_rng(6)
    truth, unseen = control.codes[control.score_rows], scores[control.score_rows]  # a row per group here
    draws = [rng.integers(0, 67, 67) for _ in range(2000)]
    aurocs = [auroc(unseen[d], truth[d] == 1)[0] for d in draws if 0 < truth[d].sum() < 67]
    assert (low, high) == pytest.approx(np.quantile(aurocs, [0.025, 0.975]), abs=0.015)
    assert high - low > 0.1  # 67 groups say little: a point alone would not show it
