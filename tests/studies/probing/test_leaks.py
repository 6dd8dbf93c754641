"""A leak of held-out rows, planted in each place where something is chosen or fitted, and caught.

Twins across the split and a source or category that is left out have theirs in test_splits.py and
transfer/test_held_out.py, hyper-parameters of tuning in test_tuning.py.
"""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unsinter.probes.calibration_fit import fit_calibration
from unsinter.probes.thresholds import balanced_threshold, rates_at, threshold_at_fpr
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing import sweep as site_fits
from unsinter.studies.probing.floors import text_floors
from unsinter.studies.probing.types import chosen


def test_the_vocabulary_of_a_text_floor_holds_training_words_only():
    rng = np.random.default_rng(0)
    words = np.array(["tin", "oak", "fig", "elm", "ash", "yew", "bay", "box"])
    texts = [" ".join(rng.choice(words, size=4)) for _ in range(120)]
    labels = np.array(["harmful" if "fig" in text else "harmless" for text in texts])
    target = Target(name="D", labels=labels, classes=("harmless", "harmful"))
    rows = Rows(train=np.arange(80), test=np.arange(80, 120), inner=np.arange(80) % 3)
    flooded = texts[:100] + ["quagga zebra " * 40] * 20
    for one, other in zip(text_floors(target, texts, rows), text_floors(target, flooded, rows), strict=True):
        np.testing.assert_array_equal(one.scores[:20], other.scores[:20])


def test_a_threshold_and_a_calibration_frozen_in_training_do_not_follow_the_held_out_rows():
    """Held-out negatives that score higher than training ones: the frozen rate must be seen to break."""
    rng = np.random.default_rng(2)
    positive = rng.random(2000) < 0.5
    scores = rng.normal(size=2000) + 2 * positive
    train, test = np.arange(1000), np.arange(1000, 2000)
    frozen = threshold_at_fpr(scores[train], positive[train], fpr=0.01)
    assert rates_at(scores[train], positive[train], frozen)[1] <= 0.01
    shifted = scores + 1.0 * (np.arange(2000) >= 1000)
    assert rates_at(shifted[test], positive[test], frozen)[1] > 0.03
    assert balanced_threshold(scores[train], positive[train]) == pytest.approx(1.0, abs=0.3)
    calibration = fit_calibration(scores[train], positive[train].astype(int))
    assert calibration.probabilities(shifted[test]).mean() > positive[test].mean() + 0.1


SITES = [(0, "template_end"), (1, "template_end")]
N = 400


def plan_of(labels):
    train = np.arange(300)
    return site_fits.SitePlan(
        target=Target(name="D", labels=labels, classes=("harmless", "harmful")),
        rows=Rows(train=train, test=np.arange(300, N), inner=train % 3),
        weights=np.ones(N),
        family="logistic",
        penalties=(1e-3, 1e3),
        shuffled=(),
        control=None,
        code=None,
    )


def everything_chosen(sites, labels, choose):
    """Site, penalty, threshold, slope and weights of a study of these rows, as one row of numbers."""
    fit = choose(site_fits.fit_sites(lambda layer, _: sites[layer], SITES, plan_of(labels)), labels[300:])
    operation = fit.operation
    facts = [fit.site[0], np.log10(fit.penalty), operation.threshold, operation.calibration.slope]
    return np.r_[facts, fit.layers[0][0].ravel()]


def leaky_penalty(solver, plan):
    """Score penalties on held-out rows."""
    seen = replace(plan, rows=replace(plan.rows, train=np.arange(N), inner=(np.arange(N) >= 300).astype(int)))
    return CHOOSE_PENALTY(solver, seen)[0], *CHOOSE_PENALTY(solver, plan)[1:]


def leaky_tasks(plan):
    """Train on held-out rows as well."""
    return TASKS_OF(replace(plan, rows=replace(plan.rows, train=np.arange(N))))


def leaky_operation(target, out_of_fold, codes):
    """Let the labels of held-out rows stand in for those of training rows."""
    return CHOOSE_OPERATION(target, out_of_fold, target.codes[np.arange(len(codes)) + N - len(codes)])


def leaky_choice(fits, truth):
    """Choose the site by its held-out AUROC."""
    return max(fits, key=lambda fit: roc_auc_score(truth == "harmful", fit.scores))


CHOOSE_PENALTY, TASKS_OF, CHOOSE_OPERATION = (
    site_fits.choose_penalty,
    site_fits.tasks_of,
    site_fits.choose_operation,
)


@pytest.mark.parametrize(
    ("place", "leak", "changes"),
    [
        ("nothing", None, []),
        ("choose_penalty", leaky_penalty, [1]),
        ("choose_operation", leaky_operation, [2]),
        ("tasks_of", leaky_tasks, [4, 5]),
        ("site", leaky_choice, [0]),
    ],
)
def test_spoilt_held_out_rows_change_nothing_that_was_chosen_unless_a_leak_is_planted(
    monkeypatch, place, leak, changes
):
    rng = np.random.default_rng(5)
    labels = np.array(["harmless", "harmful"])[rng.integers(0, 2, N)]
    signal = (labels == "harmful")[:, None] * rng.normal(size=(1, 10))
    sites = {0: rng.normal(size=(N, 10)), 1: rng.normal(size=(N, 10)) + signal}
    if hasattr(site_fits, place):
        monkeypatch.setattr(site_fits, place, leak)
    choose = leak if place == "site" else lambda fits, truth: chosen(fits)
    before = everything_chosen(sites, labels, choose)
    spoilt, turned = {layer: X.copy() for layer, X in sites.items()}, labels.copy()
    turned[300:] = np.where(labels[300:] == "harmful", "harmless", "harmful")
    spoilt[1][300:, 0] *= 1e9
    after = everything_chosen(spoilt, turned, choose)
    moved = np.flatnonzero(~np.isclose(before, after, rtol=1e-3, atol=1e-4))
    assert set(changes) <= set(moved)
    assert leak is not None or not len(moved)
