from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.targets import Target
from unsinter.studies.tables.transfer_columns import LEFT_OUT
from unsinter.studies.transfer import HoldOutSettings, ModelSites, held_out_tables
from unsinter.studies.transfer.held_out_splits import hold_outs
from unsinter.studies.transfer.study_plans import examples_of

SITES = [(0, "template_end"), (1, "template_end")]
CHOICE = ["layer", "position", "penalty", "inner_score", "n_train", "split_digest"]


def table_of(world, *, kinds=("source",), penalties=(1e-3, 1e-1)):
    present = np.arange(len(world.X))
    return held_out_tables(
        ModelSites(model="m", read=world.read, sites=SITES, dataset=world.dataset, present=present),
        HoldOutSettings(penalties=penalties, inner_folds=3, min_groups=20, kinds=kinds),
        bootstrap=Bootstrap(n_draws=60, seed=0),
    ).set_index("held_out")


def splits(world, kind):
    present = np.arange(len(world.X))
    examples = examples_of(world.dataset, present)
    result = hold_outs(kind, examples, world.dataset, inner_folds=3, seed=0, min_groups=20)
    return {split.value: split for split in result}


def replace_records(world, change):
    """Return the world with each prompt's fields updated by change(record)."""
    data = world.dataset
    prompts = tuple(p.model_copy(update=change(p)) for p in data.prompts)
    world.dataset = Dataset(prompts=prompts, ids=data.ids, groups=data.groups, split=data.split)
    return world


def test_the_informative_site_is_chosen_and_scored_as_scikit_learn_scores_it(make_world):
    world = make_world(n=600)
    table = table_of(world, kinds=["source", "category"])
    assert ["model", "kind", *table.columns[2:]] == [c for c in LEFT_OUT if c != "held_out"]
    assert set(table["layer"]) == {1}
    for kind in ("source", "category"):
        for name, split in splits(world, kind).items():
            row = table.loc[name]
            y = world.dataset.harm[split.train] == "harmful"
            model = LogisticRegression(C=1 / (row["penalty"] * len(y)), tol=1e-8, max_iter=5000)
            pipeline = make_pipeline(StandardScaler(), model).fit(world.X[split.train], y)
            truth = world.dataset.harm[split.tested] == "harmful"
            expected = roc_auc_score(truth, pipeline.decision_function(world.X[split.tested]))
            assert row["auroc"] == pytest.approx(expected, abs=2e-3)
            assert row["low"] < row["auroc"] < row["high"]


def test_the_held_out_source_has_no_say_in_site_penalty_or_fit(make_world):
    world = make_world(n=600)
    before = table_of(world).loc["north"]
    held_out = np.array([prompt.source == "north" for prompt in world.dataset.prompts])
    world.X[held_out] = np.random.default_rng(5).normal(size=(held_out.sum(), world.X.shape[1]))
    after = table_of(world).loc["north"]
    assert before[CHOICE].equals(after[CHOICE])
    assert abs(after["auroc"] - 0.5) < 0.15 < abs(before["auroc"] - 0.5)


def test_held_out_rows_of_other_sources_have_no_say_either(make_world):
    world = make_world(n=600)
    before = table_of(world).loc["north"]
    other = np.array([prompt.source != "north" for prompt in world.dataset.prompts]) & world.dataset.is_test
    world.X[other] += 50
    after = table_of(world).loc["north"]
    assert before["negatives"] == before["positives"] == "own"
    assert before.equals(after)


def test_the_inner_score_is_not_that_of_rows_a_probe_was_fitted_on(make_world):
    table = table_of(make_world(n=300, size=0.0, d=250), penalties=(1e-4,))
    assert (table["inner_score"] < 0.75).all()


def test_a_source_of_one_class_is_tested_against_held_out_rows_of_the_others(make_world):
    world = replace_records(
        make_world(n=800), lambda p: {"source": "attacks"} if p.harmful and p.id[-1] in "13" else {}
    )
    split = splits(world, "source")["attacks"]
    assert (split.positives, split.negatives) == ("own", "held-out rows of the others")
    assert world.dataset.is_test[split.test.negative].all()
    assert not world.dataset.is_test[split.train].any()
    assert not np.isin(split.train, split.tested).any()


def test_twins_of_held_out_rows_never_train(make_world):
    world = make_world(n=800, twins=True)
    groups = world.dataset.groups
    for kind in ("source", "category"):
        for split in splits(world, kind).values():
            assert not set(groups[split.train]) & set(groups[split.tested])
            assert len(split.digest) == 64


def test_harmful_prompts_of_no_category_may_be_of_the_held_out_one_and_never_train(make_world):
    world = replace_records(make_world(n=800), lambda p: {"category": None} if p.id.endswith("5") else {})
    for split in splits(world, "category").values():
        categories = world.dataset.categories[split.train]
        assert "uncategorised" not in categories
        assert split.value not in categories


def test_a_source_too_small_to_test_or_too_large_to_leave_out_adds_no_row(make_world):
    world = replace_records(make_world(n=400), lambda p: {"source": "tiny" if p.id[-2:] == "07" else "all"})
    assert splits(world, "source") == {}
    assert table_of(world).empty


def test_a_copy_of_the_labels_of_d_under_other_names_has_the_rows_of_d(make_world):
    world = make_world(n=600)
    names = {"harmful": "yes", "harmless": "no", "": ""}
    labels = np.array([names[name] for name in world.dataset.harm.tolist()], dtype=np.str_)
    target = Target(name="copy", labels=labels, classes=("no", "yes"))
    kinds = ("source", "category")
    settings = HoldOutSettings(penalties=[1e-2], inner_folds=3, min_groups=20, kinds=kinds)
    own, plain = (
        held_out_tables(
            ModelSites(
                model="m",
                read=world.read,
                sites=SITES,
                dataset=world.dataset,
                present=np.arange(len(world.X)),
            ),
            replace(settings, target=of),
            bootstrap=Bootstrap(n_draws=60, seed=0),
        )
        for of in (target, None)
    )
    pd.testing.assert_frame_equal(own, plain)
    assert set(own["kind"]) == set(kinds)


def test_a_target_that_is_defined_on_few_categories_is_held_out_on_these(make_world):
    world = make_world(n=600)
    categories = world.dataset.categories
    side = np.where(np.arange(len(world.X)) // 6 % 2, "left", "right")
    labels = np.where(np.isin(categories, ["fire", "flood"]), side, "").astype(np.str_)
    target = Target(name="side", labels=labels, classes=("left", "right"))
    present = np.arange(len(world.X))
    options = {"inner_folds": 3, "seed": 0, "min_groups": 10}
    left = list(hold_outs("category", examples_of(world.dataset, present, target), world.dataset, **options))
    assert {split.value for split in left} == {"fire", "flood"}
    for split in left:
        assert set(categories[split.tested]) == {split.value}
        assert (labels[split.test.positive] == "right").all()
        assert (labels[split.test.negative] == "left").all()
        assert split.value not in set(categories[split.train])
