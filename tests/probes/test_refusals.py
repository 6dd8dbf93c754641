"""Every public entry that takes arrays: by place, and a bad value refused by name, never made a number of."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from unsinter.probes import GridSolver, LogisticProbe, MassMeanProbe, MLPProbe, RidgeProbe, Task
from unsinter.probes.calibration import brier, expected_calibration_error
from unsinter.probes.calibration_fit import fit_calibration
from unsinter.probes.codelength import code_length, plan_code
from unsinter.probes.files.exported import ProbeWeights
from unsinter.probes.geometry.contrasts import contrast_rows
from unsinter.probes.geometry.geometry import half_weights
from unsinter.probes.metrics import auroc, balanced_accuracy, group_draws, macro_f1, percentile_interval
from unsinter.probes.permutation import group_permutation_p, stratified_permutations
from unsinter.probes.thresholds import balanced_threshold, rates_at, threshold_at_fpr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] + RNG.normal(size=120) > 0).astype(int)
S = X[:, 0]
G = np.repeat(np.arange(40), 3)
WEIGHTED = [LogisticProbe, RidgeProbe, lambda: MLPProbe(max_epochs=2)]
BAD_SCORES = [np.where(np.arange(120) == 7, bad, S) for bad in (np.nan, np.inf, -np.inf)]
BAD_LABELS = [
    Y + 1,
    np.where(np.arange(120) == 3, 2, Y),
    np.where(Y == 1, "b", "a"),
    np.where(Y == 1, 1.0, np.nan),
]


def shuffled(values):
    return pd.Series(values, index=np.random.default_rng(1).permutation(len(values)))


@pytest.mark.parametrize("scores", BAD_SCORES)
@pytest.mark.parametrize(
    "call",
    [
        lambda s: auroc(s, Y),
        lambda s: threshold_at_fpr(s, Y),
        lambda s: balanced_threshold(s, Y),
        lambda s: rates_at(s, Y, 0.0),
        lambda s: fit_calibration(s, Y),
        lambda s: group_permutation_p(s[None], Y, G, n_permutations=5),
    ],
)
def test_scores_that_are_no_numbers_give_no_number(call, scores):
    with pytest.raises(ValueError, match="scores"):
        call(scores)


@pytest.mark.parametrize("labels", BAD_LABELS)
@pytest.mark.parametrize(
    "call",
    [
        lambda y: auroc(S, y),
        lambda y: threshold_at_fpr(S, y),
        lambda y: balanced_threshold(S, y),
        lambda y: fit_calibration(S, y),
        lambda y: brier(np.full(120, 0.5), y),
        lambda y: expected_calibration_error(np.full(120, 0.5), y),
        lambda y: group_permutation_p(S[None], y, G, n_permutations=5),
    ],
)
def test_labels_that_are_not_two_classes_for_sure_give_no_number(call, labels):
    with pytest.raises(ValueError, match=r"positive|codes"):
        call(labels)


@pytest.mark.parametrize(
    "labels", [Y == 1, Y.astype(float), 2 * Y - 1, Y.tolist(), shuffled(Y), torch.tensor(Y)]
)
def test_the_auroc_is_scikit_learns_for_every_coding_of_two_classes(labels):
    assert auroc(shuffled(S), labels)[0] == pytest.approx(roc_auc_score(Y, S))


def test_constant_labels_have_no_auroc():
    assert np.isnan(auroc(S, np.ones(120))[0])
    assert np.isnan(auroc(S, np.zeros(120, dtype=bool))[0])


@pytest.mark.parametrize(
    "weights", [-np.ones(120), np.full(120, np.nan), np.full(120, np.inf), np.ones(119), ["a"] * 120]
)
def test_weights_of_metrics_are_refused_by_name(weights):
    for call in (
        lambda: auroc(S, Y, weights=weights),
        lambda: macro_f1(Y, Y, weights=weights),
        lambda: balanced_accuracy(Y, Y, weights=weights),
    ):
        with pytest.raises((ValueError, TypeError), match=r"^weights "):
            call()


@pytest.mark.parametrize("metric", [macro_f1, balanced_accuracy])
def test_decisions_are_compared_row_by_row_with_labels_of_their_kind(metric):
    assert metric(shuffled(Y), Y)[0] == 1
    for predicted, match in (
        (Y[1:], "predicted must hold one value for each of 120 rows, got 119"),
        (Y[:1], "got 1"),
        (np.array(["a"] * 120), "labels of one kind"),
        ([None] * 120, "predicted is missing"),
        (S[:, None] * [1, 1], "one value per row"),
    ):
        with pytest.raises(ValueError, match=match):
            metric(predicted, Y)


@pytest.mark.parametrize("make", WEIGHTED)
@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (np.where(np.arange(120) < 5, -1.0, 1.0), "zero or more, got -1 among 5 negative ones"),
        (pd.Series(np.where(np.arange(120) < 5, -1.0, 1.0)), "negative"),
        (np.where(np.arange(120) < 5, np.nan, 1.0), "holds NaN"),
        (np.where(np.arange(120) < 5, np.inf, 1.0), "holds inf"),
        (np.zeros(120), "zero in every row"),
        (np.full(120, 1e308), "adds up to more than"),
        (np.ones(119), "each of 120 rows, got 119"),
        (np.ones((120, 2)), "one value per row"),
        (["a"] * 120, "must hold numbers"),
        (-1.0, "negative"),
    ],
)
def test_sample_weights_are_refused_by_name(make, weights, match):
    with pytest.raises((ValueError, TypeError), match=f"sample_weight.*{match}"):
        make().fit(X, Y, sample_weight=weights)


@pytest.mark.parametrize("make", [LogisticProbe, RidgeProbe])
def test_sample_weights_are_read_by_place(make):
    weights = RNG.random(120)
    expected = make().fit(X, Y, sample_weight=weights).coef_
    for value in (shuffled(weights), weights.tolist(), torch.tensor(weights), weights[:, None]):
        np.testing.assert_array_equal(make().fit(X, Y, sample_weight=value).coef_, expected)


@pytest.mark.parametrize("make", [*WEIGHTED, MassMeanProbe])
def test_tensors_are_read_and_masked_rows_are_refused(make):
    expected = make().fit(X, Y).decision_function(X)
    tensor = torch.tensor(X, requires_grad=True)
    np.testing.assert_allclose(make().fit(tensor, torch.tensor(Y)).decision_function(tensor), expected)
    with pytest.raises(ValueError, match="X holds masked entries"):
        make().fit(np.ma.masked_greater(X, 2), Y)
    with pytest.raises(ValueError, match="y holds masked entries"):
        make().fit(X, np.ma.array(Y, mask=Y == 1))


def test_a_probe_on_activations_beyond_float32_is_the_probe_on_the_same_in_other_units():
    for size in (1e32, 1e-32):
        for wide in (X * size, (X * size).astype(np.float32)):
            fits = [GridSolver(x).fit([Task(codes=Y, n_classes=2)], [0.1])[0] for x in (X, wide)]
            np.testing.assert_allclose(fits[1].scores, fits[0].scores, atol=1e-3)


@pytest.mark.parametrize("weights", [-np.ones(120), np.full(120, np.nan), np.zeros(120), np.ones(3)])
def test_weights_of_a_task_are_refused_by_name(weights):
    with pytest.raises(ValueError, match=r"^weights "):
        Task(codes=Y, n_classes=2, weights=weights)


def test_a_task_reads_columns_by_place():
    weights = RNG.random(120)
    task = Task(codes=shuffled(Y), n_classes=2, weights=shuffled(weights))
    np.testing.assert_array_equal(task.codes, Y)
    np.testing.assert_array_equal(task.row_weights, weights)


@pytest.mark.parametrize("bad", [X.astype(complex), np.ma.masked_greater(X, 2), [["a"] * 4] * 120, X[:, 0]])
def test_a_solver_refuses_what_is_no_matrix_of_numbers(bad):
    with pytest.raises((ValueError, TypeError), match=r"^X "):
        GridSolver(bad)


GROUPED = {
    "group_draws": lambda g: group_draws(g, n_draws=20, seed=0),
    "group_permutation_p": lambda g: group_permutation_p(S[None], Y, g, n_permutations=20).p_value,
    "stratified_permutations": lambda g: stratified_permutations(Y, groups=g, n=3),
    "plan_code": lambda g: plan_code(Y, g, 2, rows=np.arange(120), seed=0).block,
    "half_weights": lambda g: half_weights(g, n_splits=3, seed=0),
    "MLPProbe": lambda g: MLPProbe(max_epochs=2).fit(X, Y, groups=g).decision_function(X),
}


@pytest.mark.parametrize("name", GROUPED)
def test_groups_are_read_by_place_and_none_may_be_missing(name):
    call, order = GROUPED[name], np.random.default_rng(2).permutation(120)
    expected = call(G[order])
    for value in (
        pd.Series(G[order], index=order),
        pd.Series(G)[order],
        G[order].tolist(),
        torch.tensor(G[order]),
    ):
        np.testing.assert_array_equal(call(value), expected)
    for missing in (np.nan, None):
        with pytest.raises(ValueError, match="groups is missing"):
            call([missing, *G[1:].tolist()])


def test_permutations_and_draws_need_at_least_one():
    for call in (
        lambda: group_draws(G, n_draws=0, seed=0),
        lambda: group_permutation_p(S[None], Y, G, n_permutations=0),
        lambda: stratified_permutations(Y, groups=G, n=0),
        lambda: percentile_interval(S, level=95),
    ):
        with pytest.raises(ValueError, match=r"n_draws|n_permutations|n must|level"):
            call()


@pytest.mark.parametrize("p", [np.full(120, np.nan), np.full(120, 1.2), S, np.tile([0.9, 0.9], (120, 1))])
def test_what_is_no_probability_has_no_calibration_error(p):
    for call in (brier, expected_calibration_error):
        with pytest.raises(ValueError, match=r"^probabilities "):
            call(p, Y)


def test_codes_and_scores_of_a_description_length_are_checked():
    with pytest.raises(ValueError, match=r"^codes "):
        plan_code(Y + 1, G, 2, rows=np.arange(120), seed=0)
    plan = plan_code(Y, G, 2, rows=np.arange(120), seed=0)
    with pytest.raises(ValueError, match="scores of task 0 must be"):
        code_length(plan, [np.full(120, np.nan)] * len(plan.tasks))


def test_contrasts_need_labels_of_one_and_zero():
    with pytest.raises(ValueError, match="z must hold 1 and 0 alone"):
        contrast_rows(2 * Y - 1, Y)


def test_an_exported_probe_decides_nothing_about_rows_that_are_no_numbers():
    probe = ProbeWeights(layers=((np.ones((1, 4)), np.zeros(1)),), classes=("a", "b"), card={})
    with pytest.raises(ValueError, match="X holds NaN"):
        probe.decisions(np.full((1, 4), np.nan))
    np.testing.assert_allclose(probe.scores(torch.tensor(X)), X.sum(axis=1))


@pytest.mark.parametrize("make", [*WEIGHTED, MassMeanProbe])
@pytest.mark.parametrize("gap", [None, np.nan])
def test_a_label_that_is_missing_among_texts_is_refused(make, gap):
    labels = [gap, *np.where(Y == 1, "b", "a")[1:].tolist()]
    for y in (labels, pd.Series(labels), np.array(labels, dtype=object)):
        with pytest.raises(ValueError, match="NaN"):
            make().fit(X, y)


@pytest.mark.parametrize("make", [*WEIGHTED, MassMeanProbe])
@pytest.mark.parametrize("size", [1e32, 1e-32])
def test_an_estimator_decides_alike_in_units_whose_squares_leave_float32(make, size):
    expected = make().fit(X, Y).predict(X)
    for wide in (X * size, (X * size).astype(np.float32)):
        assert (make().fit(wide, Y).predict(wide) == expected).mean() > 0.97


@pytest.mark.parametrize("kind", [LogisticProbe, RidgeProbe])
def test_a_class_whose_rows_all_weigh_nothing_is_no_class(kind):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), np.repeat(["a", "b", "c"], 20)
    probe = kind().fit(X, y, sample_weight=(y != "c").astype(float))
    alone = kind().fit(X[:40], y[:40])
    assert list(probe.classes_) == ["a", "b"]
    np.testing.assert_allclose(probe.coef_, alone.coef_, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="y holds one class only"):
        kind().fit(X, y, sample_weight=(y == "a").astype(float))
