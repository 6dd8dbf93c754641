"""A question whose scores are known: every column of its tables is checked against them."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

from unsinter.probes.calibration import Calibration
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.floors import Floor
from unsinter.studies.probing.result_tables import ask, floor_table, prediction_table, result_table
from unsinter.studies.probing.types import Operation, SiteControls, SiteFit

RNG = np.random.default_rng(0)
LABELS = np.array(["harmless", "harmful"])[np.arange(400) % 2]
ROWS = Rows(train=np.arange(0, 200), test=np.arange(200, 400), inner=np.arange(200) % 3)
TRUTH = (LABELS[200:] == "harmful").astype(float)


def question(labels=LABELS, classes=("harmless", "harmful"), groups=None):
    return ask(
        "tiny",
        Target(name="D", labels=labels, classes=classes),
        ROWS,
        ids=np.array([f"p{i}" for i in range(400)]),
        groups=np.arange(400).astype(str) if groups is None else groups,
        bootstrap=Bootstrap(n_draws=300, seed=0),
    )


def fit(layer, scores, inner_score=0.5, **changes):
    operation = Operation(
        threshold=0.5, strict_threshold=1.2, calibration=Calibration(slope=2.0, intercept=-1.0)
    )
    arguments = {
        "site": (layer, "template_end"),
        "family": "logistic",
        "penalty": 0.1,
        "inner_score": inner_score,
        "scores": scores,
        "layers": (),
        "operation": operation,
        "controls": SiteControls(
            control=0.6, shuffled=0.5, shuffled_sd=0.05, code_bits=100.0, compression=2.0
        ),
        "converged": True,
        "examples": np.empty((0, 4)),
    }
    return SiteFit(**arguments | changes)


NOISE = RNG.normal(size=200)
WEAK = Floor(name="length", scores=NOISE)
GOOD = Floor(name="words", scores=TRUTH * 1.5 + RNG.normal(size=200))
PERFECT = TRUTH + 0.1 * RNG.random(200)


def test_the_gain_is_over_the_best_floor_and_paired_with_it():
    table = result_table(question(), [fit(1, PERFECT), fit(2, GOOD.scores.copy())], [WEAK, GOOD])
    floor = roc_auc_score(TRUTH, GOOD.scores)
    assert set(table["floor_name"]) == {"words"}
    np.testing.assert_allclose(table["floor"], floor)
    np.testing.assert_allclose(table["gain"], [1 - floor, 0])
    # Scores equal to the floor's differ from it in no draw: an unpaired interval would have a width.
    assert table.loc[1, ["gain_low", "gain_high"]].tolist() == [0.0, 0.0]
    assert table["beats_floor"].tolist() == [True, False]
    assert table.loc[0, "gain_low"] < 1 - floor < table.loc[0, "gain_high"]


def test_a_probe_that_may_or_may_not_beat_the_floor_does_not():
    table = result_table(question(), [fit(1, GOOD.scores + 0.3 * NOISE[::-1])], [GOOD])
    assert table.loc[0, "gain_low"] < 0 < table.loc[0, "gain_high"]
    assert not table.loc[0, "beats_floor"]


def test_the_selected_site_has_the_best_inner_score_and_not_the_best_test_score():
    table = result_table(question(), [fit(1, PERFECT, 0.6), fit(2, NOISE, 0.7)], [WEAK])
    assert table["selected"].tolist() == [False, True]


def test_intervals_widen_where_rows_share_groups():
    one = floor_table(question(), [GOOD]).loc[0]
    repeated = np.r_[np.arange(200), np.arange(200, 400) // 20 * 20].astype(str)
    shared = np.repeat(RNG.normal(size=10), 20)
    clustered = Floor(name="words", scores=TRUTH + np.where(TRUTH > 0, 2, -2) * shared)
    free, kept = (floor_table(question(groups=groups), [clustered]).loc[0] for groups in (None, repeated))
    assert kept["score_high"] - kept["score_low"] > 1.5 * (free["score_high"] - free["score_low"])
    assert one["score"] == pytest.approx(roc_auc_score(TRUTH, GOOD.scores))
    assert one["n_train"] == one["n_test"] == 200


def test_each_class_has_its_own_scores_in_the_predictions():
    labels = np.array(["theft", "fraud", "privacy", "fraud"])[np.arange(400) % 4]
    scores = RNG.normal(size=(200, 3))
    table = prediction_table(question(labels, ("fraud", "privacy", "theft")), [fit(3, scores)])
    for column, name in enumerate(["fraud", "privacy", "theft"]):
        part = table[table["class"] == name]
        np.testing.assert_array_equal(part["score"], scores[:, column].astype(np.float32))
        assert part["id"].tolist() == [f"p{i}" for i in range(200, 400)]
        assert part["truth"].tolist() == labels[200:].tolist()


def test_controls_stand_beside_the_score_and_selectivity_is_the_difference():
    row = result_table(question(), [fit(1, PERFECT)], [WEAK]).loc[0]
    assert row["selectivity"] == pytest.approx(row["score"] - 0.6)
    assert row[["control", "shuffled", "shuffled_sd", "code_bits", "compression"]].tolist() == [
        0.6, 0.5, 0.05, 100.0, 2.0,
    ]  # fmt: skip


def test_activation_controls_are_shown_and_are_no_floor():
    rivals = [WEAK, Floor(name="random_model", kind="activation", scores=PERFECT)]
    row = result_table(question(), [fit(1, GOOD.scores)], rivals).loc[0]
    assert (row["floor_name"], row["random_model"]) == ("length", 1.0)
    assert np.isnan(row["layer0_mean"])
    assert set(floor_table(question(), rivals)["kind"]) == {"text", "activation"}


def test_decisions_and_probabilities_are_scikit_learns_at_the_thresholds_of_the_training_rows():
    scores = GOOD.scores
    row = result_table(question(), [fit(1, scores)], [WEAK]).loc[0]
    probabilities = 1 / (1 + np.exp(1 - 2 * scores))
    assert row["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(TRUTH, scores > 0.5))
    assert row["tpr_at_1_fpr"] == pytest.approx((scores > 1.2)[TRUTH == 1].mean())
    assert row["fpr_there"] == pytest.approx((scores > 1.2)[TRUTH == 0].mean())
    assert row["brier"] == pytest.approx(brier_score_loss(TRUTH, probabilities))
    assert (row["threshold"], row["calibration_slope"], row["calibration_intercept"]) == (0.5, 2.0, -1.0)


def test_the_tuned_probe_has_a_row_of_its_own_and_its_own_p_value():
    tuned = fit(2, PERFECT, 0.9, family="mlp", penalty=float("nan"), trial=7)
    table = result_table(
        question(), [fit(1, GOOD.scores, 0.8)], [WEAK], tuned=tuned, p_values=np.array([0.04, 0.01])
    )
    assert table["selected"].tolist() == [True, False]
    assert table["tuned"].tolist() == [False, True]
    assert table["trial"].tolist() == [-1, 7]
    assert table["p_value"].tolist() == [0.04, 0.01]
