import numpy as np
import pytest

from unsinter.probes import LogisticProbe
from unsinter.probes.codelength import code_length, plan_code


def scores_of(X, task):
    """Log-odds or logits of all rows from a probe of the task's rows, minus infinity for absent classes."""
    probe = LogisticProbe(penalty=0.1).fit(X[task.trains], task.codes[task.trains])
    result = probe.decision_function(X)
    if task.n_classes == 2:
        return result
    logits = np.full((len(X), task.n_classes), -np.inf)
    logits[:, probe.classes_] = np.column_stack([-result, result]) / 2 if result.ndim == 1 else result
    return logits


def coded(X, codes, groups, n_classes, *, seed=0):
    plan = plan_code(codes, groups, n_classes, rows=np.arange(len(codes)), seed=seed)
    return plan, code_length(plan, [scores_of(X, task) for task in plan.tasks])


def rows(seed, *, n=600, d=10, n_classes=2, signal=0.0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, d))
    X[:, :n_classes] += signal * np.eye(n_classes)[codes]
    return X, codes, np.repeat(np.arange(n // 2), 2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_code_length_is_the_sum_by_hand(n_classes):
    X, codes, groups = rows(0, n=200, n_classes=n_classes, signal=1.0)
    plan, result = coded(X, codes, groups, n_classes)
    bits = 0.0
    for number in range(plan.block.max() + 1):
        seen = np.flatnonzero((plan.block >= 0) & (plan.block < number))
        t = len(seen)
        fitted = len(set(codes[seen])) > 1
        if fitted:
            probe = LogisticProbe(penalty=0.1).fit(X[seen], codes[seen])
        for row in np.flatnonzero(plan.block == number):
            prior = (np.sum(codes[seen] == codes[row]) + 1) / (t + n_classes)
            p = prior
            if fitted:
                known = dict(zip(probe.classes_, probe.predict_proba(X[row : row + 1])[0], strict=True))
                share = n_classes / (t + n_classes)
                p = (1 - share) * known.get(codes[row], 0.0) + share * prior
            bits -= np.log2(p)
    assert result.bits == pytest.approx(bits, rel=1e-9)
    assert result.uniform_bits == pytest.approx(200 * np.log2(n_classes))
    shares = np.bincount(codes) / 200
    assert result.prior_bits == pytest.approx(-200 * (shares * np.log2(shares)).sum())


def test_labels_at_random_do_not_compress_and_planted_ones_do():
    X, codes, groups = rows(1)
    assert coded(X, codes, groups, 2)[1].compression <= 1.0
    X, codes, groups = rows(1, signal=4.0)
    assert coded(X, codes, groups, 2)[1].compression > 3


def test_unequal_classes_alone_are_no_compression():
    rng = np.random.default_rng(2)
    codes = (rng.random(600) < 0.1).astype(int)
    result = coded(rng.normal(size=(600, 5)), codes, np.arange(600), 2)[1]
    assert result.uniform_bits / result.bits > 1.5
    assert result.compression <= 1.0


def test_blocks_end_at_the_stated_shares_and_no_group_stands_in_two():
    _, codes, _ = rows(3, n=1000)
    plan = plan_code(codes, np.arange(1000), 2, rows=np.arange(1000), seed=0)
    ends = np.cumsum(np.bincount(plan.block))
    assert ends.tolist()[-6:] == [32, 63, 125, 250, 500, 1000]
    groups = np.repeat(np.arange(100), 10)
    plan = plan_code(codes, groups, 2, rows=np.arange(1000), seed=0)
    assert all(len(set(plan.block[groups == g])) == 1 for g in range(100))


def test_each_task_trains_on_all_rows_sent_before_and_on_no_other():
    _, codes, groups = rows(4, n=300)
    codes[::7] = -1  # missing labels are not sent
    plan = plan_code(codes, groups, 2, rows=np.arange(200), seed=1)
    assert (plan.block[200:] == -1).all()
    assert (plan.block[codes < 0] == -1).all()
    for number, task in zip(plan.fitted, plan.tasks, strict=True):
        np.testing.assert_array_equal(task.trains, (plan.block >= 0) & (plan.block < number))
        np.testing.assert_array_equal(task.codes[task.trains], codes[task.trains])


def test_a_class_not_seen_yet_and_a_fit_that_is_sure_and_wrong_cost_finite_bits():
    codes = np.r_[np.zeros(90, dtype=int), np.ones(90, dtype=int), np.full(3, 2)]
    plan = plan_code(codes, np.arange(183), 3, rows=np.arange(183), seed=0)
    wrong = np.full((183, 3), -np.inf)
    wrong[np.arange(183), (codes + 1) % 3] = 1e6
    assert np.isfinite(code_length(plan, [wrong] * len(plan.tasks)).bits)


def test_without_a_fit_blocks_are_sent_by_smoothed_counts():
    """Sorted so that one class comes first: what precedes the first row of the other has one class only."""
    codes = np.r_[np.zeros(99, dtype=int), 1]
    for seed in range(20):
        plan = plan_code(codes, np.arange(100), 2, rows=np.arange(100), seed=seed)
        if plan.block[99] == plan.block.max():
            break
    assert plan.tasks == ()
    bits, seen = 0.0, 0
    for n in np.bincount(plan.block):
        last = seen + n == 100
        bits -= (n - last) * np.log2((seen + 1) / (seen + 2)) + last * np.log2(1 / (seen + 2))
        seen += n
    assert code_length(plan, []).bits == pytest.approx(bits)


def test_unusable_input_is_refused_in_words():
    with pytest.raises(ValueError, match="two classes"):
        plan_code(np.zeros(9, dtype=int), np.arange(9), 2, rows=np.arange(9), seed=0)
    plan = plan_code(np.arange(50) % 2, np.arange(50), 2, rows=np.arange(50), seed=0)
    with pytest.raises(ValueError, match="as many arrays of scores, got 0"):
        code_length(plan, [])
