import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from unsinter.probes.thresholds import ThresholdError, balanced_threshold, rates_at, threshold_at_fpr


def rows(seed, *, n=200, n_values=None):
    rng = np.random.default_rng(seed)
    positive = np.r_[True, False, rng.random(n - 2) < 0.4]
    scores = rng.normal(size=n) + positive
    return (scores if n_values is None else np.floor(scores * n_values)), positive


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 1, 3]), st.sampled_from([0.0, 0.01, 0.1, 0.29]))
@settings(max_examples=60, deadline=None)
def test_the_threshold_keeps_its_false_positive_rate_and_the_next_lower_score_breaks_it(seed, n_values, fpr):
    scores, positive = rows(seed, n_values=n_values)
    threshold = threshold_at_fpr(scores, positive, fpr=fpr)
    assert rates_at(scores, positive, threshold)[1] <= fpr + 1e-12
    if lower := scores[scores < threshold].tolist():
        assert rates_at(scores, positive, max(lower))[1] > fpr


def test_one_in_a_hundred_negatives_passes_at_one_per_cent():
    scores, positive = np.arange(200.0), np.arange(200) >= 100
    scores[positive] -= 50  # positives from 50 to 149, negatives from 0 to 99
    threshold = threshold_at_fpr(scores, positive, fpr=0.01)
    assert threshold == 98.0
    assert rates_at(scores, positive, threshold) == (0.51, 0.01)
    assert threshold_at_fpr(scores, positive, fpr=0.29) == 70.0  # 0.29 * 100 is below 29 in floating point


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 1, 3]))
@settings(max_examples=60, deadline=None)
def test_no_threshold_beats_the_balanced_one(seed, n_values):
    scores, positive = rows(seed, n_values=n_values)
    fpr, tpr, _ = roc_curve(positive, scores, drop_intermediate=False)
    result = rates_at(scores, positive, balanced_threshold(scores, positive))
    assert result[0] - result[1] == pytest.approx((tpr - fpr).max(), abs=1e-12)


def test_the_balanced_threshold_of_two_apart_classes_lies_half_way():
    assert balanced_threshold(np.array([0.0, 1.0, 5.0, 7.0]), np.array([0, 0, 1, 1])) == 3.0


def test_rates_of_a_class_without_rows_are_nan():
    tpr, fpr = rates_at(np.array([1.0, -1.0]), np.array([True, True]), 0.0)
    assert tpr == 0.5
    assert np.isnan(fpr)


def test_scores_that_cannot_set_a_threshold_are_refused_in_words():
    with pytest.raises(ThresholdError, match="no row is negative"):
        threshold_at_fpr(np.zeros(3), np.ones(3))
    with pytest.raises(ThresholdError, match=r"fpr must be from 0 to below 1, got 1\.0"):
        threshold_at_fpr(np.zeros(3), np.array([0, 1, 0]), fpr=1.0)
    with pytest.raises(ThresholdError, match="both classes"):
        balanced_threshold(np.zeros(3), np.ones(3))
    with pytest.raises(ThresholdError, match="scores holds NaN"):
        balanced_threshold(np.array([0.0, np.nan]), np.array([0, 1]))
    with pytest.raises(ThresholdError, match="one value per row"):
        threshold_at_fpr(np.zeros((3, 2)), np.array([0, 1, 0]))
