"""Sites of a target against scikit-learn, and a leak planted in every place where something is chosen."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unsinter.probes.codelength import plan_code
from unsinter.probes.permutation import shuffle_over_groups
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.controls import N_SHUFFLES, control_task, shuffled_codes
from unsinter.studies.probing.sweep import SitePlan, fit_site, fit_sites
from unsinter.studies.probing.types import chosen, score

SITES = [(0, "template_end"), (1, "template_end")]


def planted(seed, *, classes=("harmless", "harmful"), n=400, d=10, strength=1.5):
    """Two sites: layer 0 is noise, layer 1 carries the label along one direction per class."""
    rng = np.random.default_rng(seed)
    labels = np.array(classes)[rng.integers(0, len(classes), size=n)]
    groups = np.repeat(np.arange(n // 2), 2).astype(str)
    directions = rng.normal(size=(len(classes), d))
    signal = strength * directions[[classes.index(label) for label in labels]]
    sites = {0: rng.normal(size=(n, d)), 1: rng.normal(size=(n, d)) * 3 + signal}
    held_out = groups.astype(int) % 4 == 0
    train = np.flatnonzero(~held_out)
    inner = np.empty(len(train), dtype=int)
    for fold, (_, rows) in enumerate(GroupKFold(3).split(train, groups=groups[train])):
        inner[rows] = fold
    rows = Rows(train=train, test=np.flatnonzero(held_out), inner=inner)
    target = Target(name="D", labels=labels, classes=tuple(classes))
    return sites, make_plan(target, rows, groups), groups


def make_plan(target, rows, groups, *, family="logistic", penalties=(1e-2, 1e-1)):
    codes, n_classes = target.codes, len(target.order)
    return SitePlan(
        target=target,
        rows=rows,
        weights=np.ones(len(codes)),
        family=family,
        penalties=penalties,
        shuffled=shuffled_codes(codes, groups, rows.train, seed=0),
        control=control_task(codes, groups, rows.train, n_classes=n_classes, seed=0),
        code=plan_code(codes, groups, n_classes, rows=rows.train, seed=0),
    )


def run(sites, plan, **options):
    return fit_sites(lambda layer, _: sites[layer], SITES, plan, **options)


def pipeline_of(penalty, n):
    return make_pipeline(StandardScaler(), LogisticRegression(C=1 / (penalty * n), tol=1e-8, max_iter=5000))


def test_held_out_auroc_is_that_of_a_scikit_learn_pipeline_at_the_chosen_penalty():
    sites, plan, _ = planted(0)
    fit, rows = run(sites, plan)[1], plan.rows
    pipeline = pipeline_of(fit.penalty, len(rows.train)).fit(
        sites[1][rows.train], plan.target.codes[rows.train]
    )
    expected = roc_auc_score(plan.target.codes[rows.test], pipeline.decision_function(sites[1][rows.test]))
    result = score(plan.target, fit.scores, plan.target.labels[rows.test])[0]
    assert result == pytest.approx(expected, abs=1e-3)


def test_held_out_macro_f1_of_three_classes_is_scikit_learns():
    sites, plan, _ = planted(1, classes=("fraud", "privacy", "theft"), n=2000, strength=3.0)
    fit, rows, labels = run(sites, plan)[1], plan.rows, plan.target.labels
    pipeline = pipeline_of(fit.penalty, len(rows.train)).fit(sites[1][rows.train], labels[rows.train])
    expected = f1_score(labels[rows.test], pipeline.predict(sites[1][rows.test]), average="macro")
    assert score(plan.target, fit.scores, labels[rows.test])[0] == pytest.approx(expected, abs=5e-3)


def test_the_inner_score_and_penalty_are_scikit_learns_on_folds_the_probe_has_not_seen():
    """60 noisy dimensions for 150 rows: a fold scored on its own training rows would be near 1."""
    sites, plan, _ = planted(7, n=200, d=60, strength=0.6)
    plan = replace(plan, penalties=(1e-4, 1.0, 100.0))
    fit, rows = fit_site(sites[1], SITES[1], plan), plan.rows
    X, y = sites[1][rows.train], plan.target.codes[rows.train]
    expected = {}
    for penalty in plan.penalties:
        folds = []
        for fold in range(3):
            seen, unseen = rows.inner != fold, rows.inner == fold
            pipeline = pipeline_of(penalty, seen.sum()).fit(X[seen], y[seen])
            folds.append(roc_auc_score(y[unseen], pipeline.decision_function(X[unseen])))
        expected[penalty] = np.mean(folds)
    assert fit.penalty == max(expected, key=lambda penalty: expected[penalty])
    assert fit.inner_score == pytest.approx(max(expected.values()), abs=2e-3)
    assert max(expected.values()) > min(expected.values()) + 0.01


def test_a_layer_that_shines_on_test_rows_only_is_not_chosen():
    sites, plan, _ = planted(2)
    truth = plan.target.codes
    sites[0][plan.rows.test, 0] = 100 * truth[plan.rows.test]
    fits = run(sites, plan)
    leaked = score(plan.target, fits[0].scores, plan.target.labels[plan.rows.test])[0]
    assert max(leaked, 1 - leaked) > 0.9  # the leak is there to be fallen for
    assert chosen(fits).site == (1, "template_end")


@pytest.mark.parametrize("family", ["logistic", "ridge", "mass_mean"])
def test_nothing_of_the_test_rows_reaches_penalty_threshold_calibration_weights_or_controls(family):
    """Test labels turned round and test activations blown up: only the held-out scores may change."""
    sites, plan, groups = planted(3)
    plan = make_plan(plan.target, plan.rows, groups, family=family)
    labels, blown = plan.target.labels.copy(), sites[1].copy()
    test = plan.rows.test
    labels[test] = np.where(labels[test] == "harmful", "harmless", "harmful")
    blown[test] = 1e4 * np.random.default_rng(0).normal(size=blown[test].shape)
    leaked = make_plan(replace(plan.target, labels=labels), plan.rows, groups, family=family)
    before, after = fit_site(sites[1], SITES[1], plan), fit_site(blown, SITES[1], leaked)
    assert after.penalty == pytest.approx(before.penalty, nan_ok=True)
    assert after.inner_score == pytest.approx(before.inner_score, rel=1e-5)
    assert after.operation.threshold == pytest.approx(before.operation.threshold, rel=1e-3, abs=1e-5)
    assert after.operation.calibration.slope == pytest.approx(before.operation.calibration.slope, rel=1e-3)
    np.testing.assert_allclose(after.layers[0][0], before.layers[0][0], rtol=1e-3, atol=1e-6)
    assert after.controls.control == pytest.approx(before.controls.control, abs=1e-3)
    assert after.controls.code_bits == pytest.approx(before.controls.code_bits, rel=1e-3)


def test_the_controls_are_at_chance_where_the_probe_is_not():
    sites, plan, _ = planted(4, n=2400)
    fit = run(sites, plan)[1]
    assert score(plan.target, fit.scores, plan.target.labels[plan.rows.test])[0] > 0.8
    assert abs(fit.controls.shuffled - 0.5) < 0.06
    assert 0 < fit.controls.shuffled_sd / np.sqrt(N_SHUFFLES) < 0.02
    assert abs(fit.controls.control - 0.5) < 0.1
    assert fit.controls.compression > 1.1
    assert run(sites, plan)[0].controls.compression < 1.05


def test_the_control_task_sees_a_probe_that_knows_groups_by_heart():
    """Rows of a group share a direction of their own: random labels of groups can then be learned."""
    sites, plan, groups = planted(5, n=200, d=400)
    own = np.random.default_rng(0).normal(size=(len(groups), 400))[groups.astype(int)]
    fit = fit_site(sites[0] + 5 * own, SITES[0], plan)
    assert fit.controls.control > 0.9


def test_two_workers_give_the_numbers_of_one():
    sites, plan, _ = planted(5)
    for one, two in zip(run(sites, plan), run(sites, plan, n_jobs=2), strict=True):
        np.testing.assert_array_equal(one.scores, two.scores)


def test_weights_of_rows_are_those_of_scikit_learn():
    sites, plan, _ = planted(6)
    weights = np.where(plan.target.codes == 1, 3.0, 1.0)
    plan = replace(plan, weights=weights, penalties=(1e-2,))
    fit, train = fit_site(sites[1], SITES[1], plan), plan.rows.train
    scaler = StandardScaler().fit(sites[1][train], sample_weight=weights[train])
    model = LogisticRegression(C=1 / (1e-2 * weights[train].sum()), tol=1e-8, max_iter=5000)
    model.fit(scaler.transform(sites[1][train]), plan.target.codes[train], sample_weight=weights[train])
    expected = model.decision_function(scaler.transform(sites[1][plan.rows.test]))
    np.testing.assert_allclose(fit.scores, expected, atol=0.03)


def test_shuffling_breaks_twin_pairs_that_all_carry_both_labels():
    labels = np.tile(["harmful", "harmless"], 2000)
    groups = np.repeat(np.arange(2000), 2).astype(str)
    shuffled = shuffle_over_groups(labels, groups, seed=0)
    assert sorted(shuffled) == sorted(labels)
    assert 0.4 < (shuffled == labels).mean() < 0.6


def test_shuffled_labels_do_not_tell_how_large_a_group_is():
    """Where single prompts are of one class and pairs mixed, group size alone predicts the true label."""
    groups = np.r_[np.arange(2000), np.repeat(np.arange(2000, 3000), 2)].astype(str)
    labels = np.r_[np.full(2000, "refusal"), np.tile(["refusal", "compliance"], 1000)]
    shuffled = shuffle_over_groups(labels, groups, seed=0)
    assert abs((shuffled[:2000] == "refusal").mean() - (shuffled[2000:] == "refusal").mean()) < 0.05


def test_held_out_labels_that_reach_the_fit_lift_the_shuffled_control():
    """What the control is for: held-out rows with their true labels among the training rows lift it."""
    sites, plan, _ = planted(4)
    clean = fit_site(sites[1], SITES[1], plan).controls.shuffled
    both = np.r_[plan.rows.train, plan.rows.test]
    leaked = [
        np.where(np.isin(np.arange(len(codes)), plan.rows.test), plan.target.codes, codes)
        for codes in plan.shuffled
    ]
    rows = replace(plan.rows, train=both, inner=np.r_[plan.rows.inner, np.arange(len(plan.rows.test)) % 3])
    result = fit_site(sites[1], SITES[1], replace(plan, rows=rows, shuffled=leaked)).controls.shuffled
    assert abs(clean - 0.5) < 0.06
    assert result > 0.7
