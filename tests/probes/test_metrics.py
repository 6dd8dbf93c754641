import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from unsinter.probes.metrics import auroc, balanced_accuracy, group_draws, macro_f1, percentile_interval


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
@settings(max_examples=50, deadline=None)
def test_weighted_auroc_is_scikit_learns_on_rows_repeated_by_their_weight(seed, n_values):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, n_values, size=30).astype(float)  # few values: many ties
    positive = np.r_[True, False, rng.random(28) < 0.4]
    weights = np.r_[1, 1, rng.integers(0, 4, size=28)]
    repeated = np.repeat(np.arange(30), weights)
    expected = roc_auc_score(positive[repeated], scores[repeated])
    assert auroc(scores, positive, weights=weights[None])[0] == pytest.approx(expected, abs=1e-12)


def test_auroc_of_equal_scores_is_one_half_in_any_order():
    assert auroc(np.zeros(6), np.array([1, 1, 0, 0, 0, 0]))[0] == 0.5
    assert auroc(np.zeros(6), np.array([0, 0, 0, 0, 1, 1]))[0] == 0.5


def test_auroc_without_positives_is_nan():
    assert np.isnan(auroc(np.arange(4.0), np.zeros(4))[0])


def test_macro_f1_is_scikit_learns_over_the_classes_present():
    rng = np.random.default_rng(1)
    truth = rng.choice(list("abc"), size=80)
    predicted = np.where(rng.random(80) < 0.6, truth, rng.choice(list("abcd"), size=80))
    expected = f1_score(truth, predicted, labels=["a", "b", "c"], average="macro")
    assert macro_f1(predicted, truth)[0] == pytest.approx(expected, abs=1e-12)


def test_bootstrap_draws_give_every_row_of_a_group_one_weight():
    groups = np.repeat(np.arange(20), 5)
    draws = group_draws(groups, n_draws=200, seed=0)
    assert (draws.reshape(200, 20, 5) == draws.reshape(200, 20, 5)[:, :, :1]).all()
    assert (draws.sum(axis=1) == 100).all()


def test_the_cluster_interval_is_wider_than_the_row_interval_when_rows_repeat():
    rng = np.random.default_rng(2)
    positive = np.repeat(rng.random(40) < 0.5, 10)
    scores = np.repeat(rng.normal(size=40), 10) + positive
    spans = []
    for groups in (np.repeat(np.arange(40), 10), np.arange(400)):
        low, high = percentile_interval(
            auroc(scores, positive, weights=group_draws(groups, n_draws=500, seed=3))
        )
        spans.append(high - low)
    assert spans[0] > 2 * spans[1]


def test_the_interval_is_the_central_95_percent_of_the_draws_that_have_a_score():
    draws = np.r_[np.arange(1001.0), np.nan]
    assert percentile_interval(draws) == pytest.approx((25.0, 975.0))


def test_a_class_that_a_weighting_leaves_out_is_out_of_its_macro_f1():
    truth, predicted = np.array(["a", "a", "b", "b"]), np.array(["a", "b", "b", "b"])
    weights = np.array([[1.0, 1.0, 0.0, 0.0]])
    expected = f1_score(truth[:2], predicted[:2], labels=["a"], average="macro")
    assert macro_f1(predicted, truth, weights=weights)[0] == pytest.approx(expected)


def test_every_one_of_many_draws_has_its_own_auroc():
    """More draws than are handled at once, in both memory orders, each as scikit-learn weighs it."""
    rng = np.random.default_rng(3)
    scores = np.round(rng.normal(size=60), 1)  # ties within and across the classes
    positive = rng.random(60) < 0.5
    draws = group_draws(np.repeat(np.arange(20), 3), n_draws=150, seed=4)
    expected = [roc_auc_score(positive, scores, sample_weight=draw) for draw in draws]
    np.testing.assert_allclose(auroc(scores, positive, weights=draws), expected, atol=1e-12)
    np.testing.assert_allclose(
        auroc(scores, positive, weights=np.ascontiguousarray(draws)), expected, atol=1e-12
    )


def test_balanced_accuracy_is_scikit_learns_for_every_weighting():
    rng = np.random.default_rng(5)
    truth = rng.choice(list("abc"), p=[0.6, 0.3, 0.1], size=90)
    predicted = np.where(rng.random(90) < 0.6, truth, rng.choice(list("abc"), size=90))
    weights = np.vstack([np.ones(90), rng.integers(0, 3, size=(4, 90))])
    expected = [balanced_accuracy_score(truth, predicted, sample_weight=w) for w in weights]
    np.testing.assert_allclose(balanced_accuracy(predicted, truth, weights=weights), expected)
    without_c = (truth != "c").astype(float)
    recalls = [(predicted[truth == name] == name).mean() for name in "ab"]
    assert balanced_accuracy(predicted, truth, weights=without_c)[0] == pytest.approx(np.mean(recalls))
