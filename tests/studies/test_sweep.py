import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unsinter.studies.sweep import Rows, chosen, logits, score, shuffle_over_groups, shuffled_labels, sweep
from unsinter.studies.targets import Target


def planted(seed, *, classes=("harmless", "harmful"), n=400, d=10, strength=1.5):
    """Two sites: layer 0 is noise, layer 1 carries the label along one direction per class."""
    rng = np.random.default_rng(seed)
    labels = np.array(classes)[rng.integers(0, len(classes), size=n)]
    groups = np.repeat(np.arange(n // 2), 2).astype(str)
    directions = rng.normal(size=(len(classes), d))
    signal = strength * directions[[classes.index(label) for label in labels]]
    sites = {0: rng.normal(size=(n, d)), 1: rng.normal(size=(n, d)) * 3 + signal}
    target = Target(name="D", labels=labels, classes=tuple(classes))
    held_out = np.isin(groups.astype(int) % 4, [0])
    train = np.flatnonzero(~held_out)
    inner = np.empty(len(train), dtype=int)
    for fold, (_, rows) in enumerate(GroupKFold(3).split(train, groups=groups[train])):
        inner[rows] = fold
    rows = Rows(train=train, test=np.flatnonzero(held_out), inner=inner)
    return (lambda layer, position: sites[layer]), target, rows, groups, sites


def run(world, **options):
    read, target, rows, groups, _ = world
    control = shuffled_labels(target, rows, groups, seed=0)
    sites = [(0, "template_end"), (1, "template_end")]
    return sweep(read, sites, target, rows, penalties=(1e-2, 1e-1), control_labels=control, **options)


def test_held_out_auroc_is_that_of_a_scikit_learn_pipeline_at_the_chosen_penalty():
    world = planted(0)
    _, target, rows, _, sites = world
    fit = run(world)[1]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (fit.penalty * len(rows.train))))
    pipeline.fit(sites[1][rows.train], target.labels[rows.train] == "harmful")
    truth = target.labels[rows.test] == "harmful"
    expected = roc_auc_score(truth, pipeline.decision_function(sites[1][rows.test]))
    assert score(target, fit.scores, target.labels[rows.test])[0] == pytest.approx(expected, abs=1e-6)


def test_held_out_macro_f1_of_three_classes_is_scikit_learns():
    world = planted(1, classes=("fraud", "privacy", "theft"))
    _, target, rows, _, sites = world
    fit = run(world)[1]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (fit.penalty * len(rows.train))))
    pipeline.fit(sites[1][rows.train], target.labels[rows.train])
    truth = target.labels[rows.test]
    expected = f1_score(truth, pipeline.predict(sites[1][rows.test]), average="macro")
    assert score(target, fit.scores, truth)[0] == pytest.approx(expected, abs=1e-6)


def test_the_layer_is_chosen_without_the_test_rows():
    read, target, rows, groups, sites = planted(2)
    truth = (target.labels == "harmful").astype(float)
    sites[0][rows.test, 0] = 100 * truth[rows.test]  # a leak: layer 0 gives the answer away on test rows only
    fits = run((read, target, rows, groups, sites))
    assert chosen(fits).site == (1, "template_end")


def test_changing_test_labels_changes_no_fit():
    read, target, rows, groups, sites = planted(3)
    before = run((read, target, rows, groups, sites))
    labels = target.labels.copy()
    labels[rows.test] = labels[rows.test][::-1]
    after = run((read, Target(name="D", labels=labels, classes=target.classes), rows, groups, sites))
    for one, other in zip(before, after, strict=True):
        assert one.penalty == other.penalty
        np.testing.assert_array_equal(one.probe.coef_, other.probe.coef_)


def test_the_control_is_at_chance_where_the_probe_is_not():
    world = planted(4, n=1200)
    _, target, rows, _, _ = world
    fit = run(world)[1]
    truth = target.labels[rows.test]
    assert score(target, fit.scores, truth)[0] > 0.8
    assert abs(fit.control_score - 0.5) < 0.1


def test_two_workers_give_the_numbers_of_one():
    world = planted(5)
    for one, two in zip(run(world), run(world, n_jobs=2), strict=True):
        np.testing.assert_array_equal(one.scores, two.scores)


def test_shuffling_breaks_twin_pairs_that_all_carry_both_labels():
    labels = np.tile(["harmful", "harmless"], 2000)
    groups = np.repeat(np.arange(2000), 2).astype(str)
    shuffled = shuffle_over_groups(labels, groups, seed=0)
    assert sorted(shuffled) == sorted(labels)
    assert 0.4 < (shuffled == labels).mean() < 0.6


def test_a_class_the_training_rows_lack_is_never_predicted():
    rng = np.random.default_rng(6)
    target = Target(name="W", labels=np.array(["a", "b", "c"]), classes=("a", "b", "c"))
    X = rng.normal(size=(60, 4))
    from unsinter.probes import LogisticProbe

    for present in (["a", "c"], ["b", "c"]):
        probe = LogisticProbe().fit(X, np.array(present)[rng.integers(0, 2, size=60)])
        scores = logits(probe, X, target)
        predicted = np.array(["a", "b", "c"])[scores.argmax(axis=1)]
        np.testing.assert_array_equal(predicted, probe.predict(X))


def test_shuffled_labels_do_not_tell_how_large_a_group_is():
    """Where single prompts are of one class and pairs mixed, group size alone predicts the true label."""
    groups = np.r_[np.arange(2000), np.repeat(np.arange(2000, 3000), 2)].astype(str)
    labels = np.r_[np.full(2000, "refusal"), np.tile(["refusal", "compliance"], 1000)]
    shuffled = shuffle_over_groups(labels, groups, seed=0)
    assert abs((shuffled[:2000] == "refusal").mean() - (shuffled[2000:] == "refusal").mean()) < 0.05


def test_the_inner_score_and_penalty_are_scikit_learns_on_folds_the_probe_has_not_seen():
    """60 noisy dimensions for 150 rows: a fold scored on its own training rows would be near 1."""
    read, target, rows, groups, sites = planted(7, n=200, d=60, strength=0.6)
    penalties = (1e-4, 1.0, 100.0)
    fit = sweep(read, [(1, "template_end")], target, rows, penalties=penalties,
                control_labels=shuffled_labels(target, rows, groups, seed=0))[0]  # fmt: skip
    X, y = sites[1][rows.train], target.labels[rows.train] == "harmful"
    expected = {}
    for penalty in penalties:
        folds = []
        for fold in range(3):
            seen, unseen = rows.inner != fold, rows.inner == fold
            model = LogisticRegression(C=1 / (penalty * seen.sum()), max_iter=1000)
            pipeline = make_pipeline(StandardScaler(), model).fit(X[seen], y[seen])
            folds.append(roc_auc_score(y[unseen], pipeline.decision_function(X[unseen])))
        expected[penalty] = np.mean(folds)
    assert fit.penalty == max(expected, key=lambda penalty: expected[penalty])
    assert fit.inner_score == pytest.approx(max(expected.values()), abs=1e-6)
    assert max(expected.values()) > min(expected.values()) + 0.01


def test_the_control_is_fitted_on_the_control_labels():
    """Given labels that say the opposite, a control fitted on them is right where the probe is wrong."""
    read, target, rows, _, _ = planted(8)
    opposite = np.where(target.labels == "harmful", "harmless", "harmful")
    fit = sweep(read, [(1, "template_end")], target, rows, penalties=(1e-2,), control_labels=opposite)[0]
    assert fit.control_score > 0.8
    assert fit.control_score == pytest.approx(
        score(target, fit.scores, target.labels[rows.test])[0], abs=1e-6
    )
