"""Two models side by side: the difference is that of scikit-learn's scores on the prompts of both."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.probing.model_differences import model_differences
from unsinter.studies.tables.difference_columns import MODEL_DIFFERENCES

BOOTSTRAP = Bootstrap(n_draws=400, seed=3)
N = 240


def fit(model, target="D", *, layer=2, selected=True, tuned=False, metric="auroc", floor=0.6):
    return {
        "model": model, "target": target, "family": "logistic", "layer": layer, "position": "template_end",
        "metric": metric, "selected": selected, "tuned": tuned, "floor": floor,
    }  # fmt: skip


def scores(model, values, *, ids, truth, classes=("harmful",), target="D", layer=2):
    parts = [
        pd.DataFrame(
            {
                "model": model, "target": target, "family": "logistic", "layer": layer,
                "position": "template_end",
                "id": [f"p{i}" for i in ids], "group": [f"g{i // 2}" for i in ids],
                "truth": truth, "class": name, "score": values[:, column],
            }
        )
        for column, name in enumerate(classes)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    harmful = rng.integers(0, 2, N).astype(bool)
    truth = np.where(harmful, "harmful", "harmless")
    weak, strong = (rng.standard_normal((N, 1)) + size * harmful[:, None] for size in (0.8, 3.0))
    return harmful, truth, weak, strong


def two_models(world, *, first_rows=slice(0, 200), second_rows=slice(40, N)):
    _, truth, weak, strong = world
    ids = np.arange(N)
    results = pd.DataFrame([fit("weak"), fit("strong", floor=0.7)])
    predictions = pd.concat(
        [
            scores("weak", weak[first_rows], ids=ids[first_rows], truth=truth[first_rows]),
            scores("strong", strong[second_rows], ids=ids[second_rows], truth=truth[second_rows]),
        ]
    )
    return results, predictions


def test_the_difference_is_that_of_scikit_learns_aurocs_on_the_prompts_of_both(world):
    harmful, _, weak, strong = world
    table = model_differences(*two_models(world), bootstrap=BOOTSTRAP)
    assert list(table) == list(MODEL_DIFFERENCES)
    assert list(table["sites"]) == ["chosen", "same"]
    row = table.iloc[0]
    both = slice(40, 200)
    aurocs = [roc_auc_score(harmful[both], values[both, 0]) for values in (weak, strong)]
    assert [row["first_score"], row["second_score"]] == pytest.approx(aurocs)
    assert row["difference"] == pytest.approx(aurocs[1] - aurocs[0])
    assert row["low"] < row["difference"] < row["high"]
    assert row["low"] > 0
    assert (row["n"], row["groups"]) == (160, 80)
    assert (row["first_floor"], row["second_floor"]) == (0.6, 0.7)


def test_the_interval_is_paired_and_as_wide_as_a_bootstrap_of_whole_groups_by_hand(world):
    harmful, _, weak, strong = world
    table = model_differences(*two_models(world), bootstrap=Bootstrap(n_draws=2000, seed=1))
    rng = np.random.default_rng(9)
    ids = np.arange(40, 200)
    drawn = []
    for _ in range(2000):
        groups = rng.integers(20, 100, 80)
        rows = np.concatenate([ids[ids // 2 == group] for group in groups])
        drawn.append(
            roc_auc_score(harmful[rows], strong[rows, 0]) - roc_auc_score(harmful[rows], weak[rows, 0])
        )
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert table.iloc[0]["low"] == pytest.approx(low, abs=0.012)
    assert table.iloc[0]["high"] == pytest.approx(high, abs=0.012)


def test_a_model_beside_its_twin_differs_by_nothing(world):
    _, truth, weak, _ = world
    results = pd.DataFrame([fit("one"), fit("two")])
    predictions = pd.concat([scores(name, weak, ids=range(N), truth=truth) for name in ("one", "two")])
    row = model_differences(results, predictions, bootstrap=BOOTSTRAP).iloc[0]
    assert (row["difference"], row["low"], row["high"]) == (0, 0, 0)


def test_models_in_the_other_order_turn_the_sign(world):
    results, predictions = two_models(world)
    forth = model_differences(results, predictions, bootstrap=BOOTSTRAP).iloc[0]
    back = model_differences(results[::-1], predictions, bootstrap=BOOTSTRAP).iloc[0]
    assert back["first_model"] == "strong"
    assert [back["difference"], back["low"], back["high"]] == pytest.approx(
        [-forth["difference"], -forth["high"], -forth["low"]], abs=1e-3
    )


def test_the_scores_of_a_tuned_probe_at_the_same_site_are_not_mixed_in(world):
    results, predictions = two_models(world)
    _, truth, _, strong = world
    tuned = pd.DataFrame([fit("weak", selected=False, tuned=True)])
    more = scores("weak", strong[:200], ids=range(200), truth=truth[:200])
    plain = model_differences(results, predictions, bootstrap=BOOTSTRAP)
    table = model_differences(
        pd.concat([results, tuned]), pd.concat([predictions, more]), bootstrap=BOOTSTRAP
    )
    pd.testing.assert_frame_equal(table, plain)


def test_many_classes_are_compared_by_macro_f1_and_other_classes_not_at_all():
    rng = np.random.default_rng(2)
    names = ("fraud", "theft", "violence")
    truth = rng.choice(names, N)
    right = truth[:, None] == np.array(names)
    values = {"one": right + rng.standard_normal((N, 3)), "two": right + 0.5 * rng.standard_normal((N, 3))}
    results = pd.DataFrame([fit(name, "C", metric="macro_f1") for name in values])
    parts = [scores(m, v, ids=range(N), truth=truth, classes=names, target="C") for m, v in values.items()]
    row = model_differences(results, pd.concat(parts), bootstrap=BOOTSTRAP).iloc[0]
    by_hand = [f1_score(truth, np.array(names)[v.argmax(axis=1)], average="macro") for v in values.values()]
    assert [row["first_score"], row["second_score"]] == pytest.approx(by_hand)
    fewer = parts[1][parts[1]["class"] != "theft"]
    assert model_differences(results, pd.concat([parts[0], fewer]), bootstrap=BOOTSTRAP).empty


def test_models_without_a_prompt_in_common_are_not_compared(world):
    apart = two_models(world, first_rows=slice(0, 100), second_rows=slice(100, N))
    assert model_differences(*apart, bootstrap=BOOTSTRAP).empty
