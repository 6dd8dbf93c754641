import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unsinter.features.records.text_floor import floor_scores
from unsinter.probes.metrics import auroc, group_draws, percentile_interval
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.targets import Target
from unsinter.studies.tables.transfer_columns import MATRIX
from unsinter.studies.transfer import MatrixSettings, ModelSites, Wordings, transfer_tables
from unsinter.studies.transfer.matrices import normalised
from unsinter.studies.transfer.study_plans import examples_of, study_plans

SITES = [(0, "template_end"), (1, "template_end")]


def tables(world, *, wordings=None, kinds=("category", "category_held_out", "wording", "source"), **changes):
    options = {"penalty": 1e-2, "min_groups": 20} | changes
    return transfer_tables(
        source_of(world, np.arange(len(world.dataset.ids))),
        MatrixSettings(best=SITES[1], kinds=kinds, **options),
        wordings=None if wordings is None else Wordings(labels=wordings),
        bootstrap=Bootstrap(n_draws=100, seed=0),
    )


def source_of(world, present, sites=SITES):
    return ModelSites(model="m", read=world.read, sites=sites, dataset=world.dataset, present=present)


def probe_cells(table, kind, layer=1):
    part = table[(table["kind"] == kind) & (table["reader"] == "probe") & (table["layer"] == layer)]
    return part.set_index(["trained_on", "tested_on"])


def refit(world, side, *, penalty=1e-2):
    train = np.r_[side.positive, side.negative]
    y = np.arange(len(train)) < len(side.positive)
    model = LogisticRegression(C=1 / (penalty * len(train)), tol=1e-8, max_iter=5000)
    return make_pipeline(StandardScaler(), model).fit(world.X[train], y)


def test_one_common_direction_gives_every_cell_the_auroc_of_its_distance(make_world):
    cells = probe_cells(tables(make_world(n=4000, size=1.5, d=3)), "category")
    # Held-out rows: two Gaussians 1.5 apart. The standard error of a cell is near 0.02.
    assert np.abs(cells["auroc"] - norm.cdf(1.5 / np.sqrt(2))).max() < 0.06
    assert abs(cells["auroc"].mean() - norm.cdf(1.5 / np.sqrt(2))) < 0.02


def test_rows_of_another_category_have_no_say_in_the_scale_of_a_categorys_probe(
    make_world, scales_are_shared
):
    world = make_world(shared=False)
    before = probe_cells(tables(world), "category")
    own, other = before.index[0][0], before.index[-1][0]
    is_other = np.array([prompt.category == other for prompt in world.dataset.prompts])
    world.X[is_other & ~world.dataset.is_test] *= np.linspace(1, 30, world.X.shape[1])
    after = probe_cells(tables(world), "category")
    assert own != other
    assert after.loc[(own, own), "auroc"] == pytest.approx(before.loc[(own, own), "auroc"], abs=3e-4)
    assert after.loc[(other, other), "auroc"] != before.loc[(other, other), "auroc"]


def test_orthogonal_directions_give_chance_off_the_diagonal(make_world):
    table = tables(make_world(n=4000, shared=False, size=2.0, d=3))
    cells = probe_cells(table, "category")
    is_diagonal = [a == b for a, b in cells.index]
    off = cells[~np.array(is_diagonal)]
    assert np.abs(cells.loc[is_diagonal, "auroc"] - norm.cdf(np.sqrt(2))).max() < 0.04
    assert np.abs(off["auroc"] - 0.5).max() < 0.1
    assert abs(off["auroc"].mean() - 0.5) < 0.03
    assert off["normalised"].abs().max() < 0.25
    noise = probe_cells(table, "category", layer=0)
    assert abs(noise["auroc"].mean() - 0.5) < 0.06


def test_every_cell_of_every_kind_is_the_refit_and_score_of_scikit_learn(make_world):
    world = make_world(shared=False)
    rng = np.random.default_rng(1)
    wordings = rng.choice(["sorry", "no", ""], size=len(world.X))
    table = tables(world, wordings=wordings)
    present = np.arange(len(world.X))
    plans = study_plans(
        examples_of(world.dataset, present), world.dataset, Wordings(labels=wordings), seed=0, min_groups=20
    )
    assert [plan.kind for plan in plans] == ["category", "category_held_out", "wording", "source"]
    for plan in plans:
        cells = probe_cells(table, plan.kind)
        assert len(cells) == len(plan.cells)
        for trained, tested in plan.cells:
            side = plan.tested[tested]
            model = refit(world, plan.trained[trained])
            up, down = (model.decision_function(world.X[rows]) for rows in (side.positive, side.negative))
            expected = roc_auc_score(np.r_[np.ones(len(up)), np.zeros(len(down))], np.r_[up, down])
            name = "all others" if plan.kind == "category_held_out" else trained
            row = cells.loc[(name, tested)]
            assert row["auroc"] == pytest.approx(expected, abs=2e-3)
            assert (row["n_test_positive"], row["n_test_negative"]) == (len(up), len(down))
            assert row["n_train_positive"] == len(plan.trained[trained].positive)


def test_the_diagonal_of_noise_is_chance_though_its_probes_fit_their_rows_perfectly(make_world):
    cells = probe_cells(tables(make_world(n=480, size=0.0, d=400), penalty=1e-4), "category")
    assert np.abs(cells["auroc"] - 0.5).max() < 0.2
    assert (cells["low"] < 0.5).mean() > 0.8


def test_the_gain_over_the_words_is_paired_draw_by_draw(make_world):
    world = make_world(n=800)
    table = tables(world, kinds=["category"])
    plan, _ = study_plans(
        examples_of(world.dataset, np.arange(800)),
        world.dataset,
        None,
        kinds=["category"],
        seed=0,
        min_groups=20,
    )
    side, column = plan.trained["flood"], plan.tested["frost"]
    texts = [prompt.prompt for prompt in world.dataset.prompts]
    y = np.isin(np.arange(800), side.positive)
    tested = np.unique(np.concatenate([np.r_[s.positive, s.negative] for s in plan.tested.values()]))
    words = floor_scores(texts, y.tolist(), train=np.r_[side.positive, side.negative], test=tested).decision
    probe = refit(world, side).decision_function(world.X[tested])
    part = np.isin(tested, np.r_[column.positive, column.negative])
    truth = np.isin(tested[part], column.positive)
    draws = group_draws(world.dataset.groups[tested], n_draws=100, seed=0)[:, part]
    one, two = (auroc(scores[part], truth, weights=draws) for scores in (probe, words))
    row = probe_cells(table, "category").loc[("flood", "frost")]
    assert (row["gain_low"], row["gain_high"]) == pytest.approx(percentile_interval(one - two), abs=2e-3)
    floor = table[table["reader"] == "words"].set_index(["trained_on", "tested_on"]).loc[("flood", "frost")]
    assert floor["auroc"] == pytest.approx(auroc(words[part], truth)[0], abs=1e-9)
    assert row["gain"] == pytest.approx(row["auroc"] - floor["auroc"])


def test_the_normalised_form_is_relative_to_the_column_and_silent_where_that_is_chance(make_world):
    cells = probe_cells(tables(make_world(n=1200, shared=False)), "category")
    for (trained, tested), row in cells.iterrows():
        ceiling = cells.loc[(tested, tested), "auroc"]
        assert row["normalised"] == pytest.approx((row["auroc"] - 0.5) / (ceiling - 0.5)), trained
    ceilings = np.array([[0.6, 0.55, 0.65, 0.6], [0.6, 0.45, 0.65, 0.6]])
    result = normalised(np.array([0.55, 0.55]), ceilings)
    assert result[0] == pytest.approx(0.5)
    assert np.isnan(result[1])


def test_a_held_out_category_is_normalised_by_the_diagonal_it_is_compared_with(make_world):
    table = tables(make_world(n=1200), kinds=["category", "category_held_out"])
    alone, rest = (probe_cells(table, kind) for kind in ("category", "category_held_out"))
    for name in ("fire", "flood", "frost"):
        ceiling = alone.loc[(name, name), "auroc"]
        row = rest.loc[("all others", name)]
        assert row["normalised"] == pytest.approx((row["auroc"] - 0.5) / (ceiling - 0.5))


def test_the_table_has_the_columns_of_the_contract_and_marks_the_chosen_site(make_world):
    table = tables(make_world(n=600), kinds=["category_held_out"])
    assert list(table.columns) == list(MATRIX)
    assert set(table["kind"]) == {"category_held_out"}
    assert set(table.loc[table["selected"], "layer"]) == {1}
    words = table[table["reader"] == "words"]
    assert set(words["layer"]) == {-1}
    assert set(words["position"]) == {""}
    assert words[["gain", "gain_low", "gain_high"]].isna().all(axis=None)


def test_harmful_prompts_without_a_category_are_no_category_of_their_own(make_world):
    world = make_world(n=900)
    data = world.dataset
    prompts = tuple(
        p.model_copy(update={"category": None} if p.category == "frost" else {}) for p in data.prompts
    )
    world.dataset = Dataset(prompts=prompts, ids=data.ids, groups=data.groups, split=data.split)
    cells = probe_cells(tables(world, kinds=["category"]), "category")
    assert {name for pair in cells.index for name in pair} == {"fire", "flood"}


def test_data_without_two_of_anything_give_an_empty_table(make_world):
    table = tables(make_world(n=600, sources=("north",)), min_groups=500)
    assert table.empty
    assert list(table.columns) == list(MATRIX)


def test_rows_without_activations_are_read_nowhere(make_world):
    world = make_world(n=600)
    world.X[::7] = np.nan
    present = np.setdiff1d(np.arange(600), np.arange(0, 600, 7))
    table = transfer_tables(
        source_of(world, present, SITES[1:]),
        MatrixSettings(best=SITES[1], penalty=1e-2, min_groups=20),
        wordings=None,
        bootstrap=Bootstrap(n_draws=50, seed=0),
    )
    assert table["auroc"].notna().all()


def test_a_copy_of_the_labels_of_d_has_the_matrices_of_d_over_wordings_too(make_world):
    world = make_world(n=900)
    data = world.dataset
    wordings = np.where(np.arange(900) // 3 % 2, "short", "long").astype(np.str_)
    names = {"harmful": "yes", "harmless": "no", "": ""}
    labels = np.array([names[name] for name in data.harm.tolist()], dtype=np.str_)
    target = Target(name="copy", labels=labels, classes=("no", "yes"))
    answers = np.where(data.harm == "harmful", wordings, "").astype(
        np.str_
    )  # and so harmless rows are borrowed
    for styles in (wordings, answers):
        own, plain = (tables(world, wordings=styles, kinds=("wording",), target=of) for of in (target, None))
        borrowed = own.replace({"train_borrows": {"no": "harmless"}, "test_borrows": {"no": "harmless"}})
        pd.testing.assert_frame_equal(borrowed, plain)
        assert len(own)
    assert set(own["train_borrows"]) == {"no"}
