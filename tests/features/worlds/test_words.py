"""Text features: what leaks, what does not, and a world that is nothing but text."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, kstest
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifierCV
from sklearn.metrics import roc_auc_score

from unsinter.features.worlds import make_world

HALF = 4000


def held_out_auc(features, label, model):
    """AUC on the second half of rows of a reader fitted on the first."""
    fitted = model.fit(features[:HALF], label[:HALF])
    return roc_auc_score(label[HALF:], fitted.decision_function(features[HALF:]))


def text_auc(world, factor):
    return held_out_auc(world.text, getattr(world, factor), LogisticRegression(C=0.1, max_iter=500))


def test_words_occur_or_do_not():
    world = make_world("orthogonal", n_words=40)
    assert world.text.shape == (800, 40)
    assert world.text.dtype == np.float32
    assert set(np.unique(world.text)) == {0.0, 1.0}


def test_without_a_leak_no_word_depends_on_either_factor_given_the_category():
    world = make_world("orthogonal", n=20_000, n_words=32)
    p_values = [
        chi2_contingency(np.histogram2d(world.text[rows, word], label[rows], 2)[0], correction=False).pvalue
        for label in (world.z, world.w)
        for rows in (world.strata == stratum for stratum in np.unique(world.strata))
        for word in range(32)
    ]
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_in_the_category_world_text_without_a_leak_tells_nothing_of_w_once_the_category_is_known():
    world = make_world("category", n=2 * HALF)
    assert text_auc(world, "w") > 0.6  # through the category
    aucs = [
        roc_auc_score(
            world.w[test],
            LogisticRegression(C=0.1)
            .fit(world.text[train], world.w[train])
            .decision_function(world.text[test]),
        )
        for rows in (np.flatnonzero(world.strata == stratum) for stratum in np.unique(world.strata))
        for train, test in [np.array_split(rows, 2)]
    ]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.03)


def test_words_carry_the_category_weakly():
    world = make_world("orthogonal", n=2 * HALF)
    accuracy = (
        LogisticRegression(max_iter=500)
        .fit(world.text[:HALF], world.strata[:HALF])
        .score(world.text[HALF:], world.strata[HALF:])
    )
    assert 0.4 < accuracy < 0.95  # chance is .25


def test_a_factor_leaks_as_much_as_asked_and_the_other_not_at_all():
    strengths = [
        text_auc(make_world("orthogonal", n=2 * HALF, phi=0.0, text_leak=(leak, 0.0)), "z")
        for leak in (0, 0.5, 1, 2)
    ]
    assert strengths[0] == pytest.approx(0.5, abs=0.03)
    assert np.all(np.diff(strengths) > 0.02)
    only_w = make_world("orthogonal", n=2 * HALF, phi=0.0, text_leak=(0.0, 1.0))
    assert text_auc(only_w, "z") == pytest.approx(0.5, abs=0.03)
    assert text_auc(only_w, "w") > 0.8


def test_the_log_odds_that_a_leak_adds_are_those_asked_for():
    world = make_world("orthogonal", n=40_000, n_words=16, text_leak=(0.0, 1.2), n_categories=2)
    for word, sign in ((4, 1), (5, -1), (0, 0), (12, 0)):
        design = np.column_stack([world.w, world.z, world.strata == "category 0"])
        fitted = LogisticRegression(C=1e6).fit(design, world.text[:, word])
        assert fitted.coef_[0, :2] == pytest.approx([1.2 * sign, 0], abs=0.15)


def test_in_the_lexical_world_x_reads_both_factors_but_nothing_beyond_the_text():
    world = make_world("lexical", n=2 * HALF, massive=0.0)
    ridge = RidgeClassifierCV(alphas=np.logspace(0, 4, 5))
    for factor in ("z", "w"):
        label = getattr(world, factor)
        assert held_out_auc(world.X, label, ridge) > 0.85
        assert text_auc(world, factor) >= held_out_auc(world.X, label, ridge) - 0.005
    left = world.X - LinearRegression().fit(world.text[:HALF], world.X[:HALF]).predict(world.text)
    for factor in ("z", "w"):
        assert held_out_auc(left, getattr(world, factor), ridge) == pytest.approx(0.5, abs=0.03)


def test_elsewhere_x_keeps_the_factors_when_the_text_is_taken_out():
    world = make_world("orthogonal", n=2 * HALF, massive=0.0, text_leak=0.3)
    left = world.X - LinearRegression().fit(world.text[:HALF], world.X[:HALF]).predict(world.text)
    assert held_out_auc(left, world.z, RidgeClassifierCV(alphas=np.logspace(0, 4, 5))) > 0.9


def test_in_the_lexical_world_the_planted_axes_are_where_the_leaking_words_move_x():
    world = make_world("lexical", n=2 * HALF, phi=0.0, massive=0.0)
    for axis, label in ((world.u_z, world.z), (world.u_w, world.w)):
        moved = world.X[label == 1].mean(axis=0) - world.X[label == 0].mean(axis=0)
        assert moved @ axis / np.linalg.norm(moved) > 0.9
