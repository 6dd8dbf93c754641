"""Weak, rare, sparse and non-linear codes, hidden causes, relatives: checked by other people's estimators."""

import numpy as np
import pytest
from scipy.stats import kstest, norm, t, ttest_ind
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score

from unsinter.features.worlds import make_world

EFFECT = 2.3262  # sqrt(2) * 1.64485, by hand
BIG = {"n": 40_000, "d": 24, "massive": 0.0, "seed": 2, "phi": 0.3}
NOT_LINEAR = ("exclusive_or", "radius", "product", "turned_by_category")
PARAPHRASES = {"paraphrases_30": 0.3, "paraphrases_50": 0.5, "paraphrases_70": 0.7, "paraphrases_97": 0.97}


def held_out(features, label, rows, model=None):
    """AUC on every second one of the rows of a reader fitted on the others."""
    train, test = np.flatnonzero(rows)[::2], np.flatnonzero(rows)[1::2]
    fitted = (model or LinearDiscriminantAnalysis()).fit(features[train], label[train])
    return roc_auc_score(label[test], fitted.predict_proba(features[test])[:, 1])


def balanced(label, other, rng):
    """Rows in which both values of the label are equally frequent at either value of the other factor."""
    cell = 2 * label + other
    size = np.bincount(cell).min()
    rows = np.zeros(len(label), bool)
    for place in range(4):
        rows[rng.choice(np.flatnonzero(cell == place), size, replace=False)] = True
    return rows


def test_the_weak_factor_is_read_at_68_and_the_other_as_asked():
    world = make_world("weak_second", effect=EFFECT, **BIG)
    assert held_out(world.X, world.w, world.z == 0) == pytest.approx(0.68, abs=0.015)
    assert held_out(world.X, world.z, world.w == 0) == pytest.approx(0.95, abs=0.01)
    assert world.settings.effect == (EFFECT, pytest.approx(np.sqrt(2) * norm.ppf(0.68)))
    assert make_world("weak_second", effect=(1.0, 2.0)).settings.effect == (1.0, 2.0)


def test_a_sparse_axis_lies_in_five_columns_which_a_corrected_screen_of_columns_finds():
    world = make_world("sparse", n=4000, d=512, phi=0.0, category_effect=0.0)
    columns = [np.flatnonzero(axis) for axis in (world.u_z, world.u_w)]
    assert [len(own) for own in columns] == [5, 5]
    assert not set(columns[0]) & set(columns[1])
    p = ttest_ind(world.X[world.z == 1], world.X[world.z == 0]).pvalue
    seen = set(np.flatnonzero(p < 0.001 / 512))
    assert seen <= set(columns[0])
    assert len(seen) >= 4  # the fifth may be one of large variance
    assert roc_auc_score(world.z, world.X @ world.u_z) == pytest.approx(0.95, abs=0.012)


def test_no_reader_of_a_sparse_world_beats_the_planted_axis():
    world = make_world("sparse", **BIG)
    rows = world.w == 1
    best = held_out(world.X, world.z, rows)
    assert best == pytest.approx(roc_auc_score(world.z[rows], (world.X @ world.u_z)[rows]), abs=0.01)


def test_the_rare_cell_holds_three_per_cent_of_rows():
    world = make_world("rare_cell", n=100_000, d=12, n_words=8)
    assert np.mean((world.z == 1) & (world.w == 0)) == pytest.approx(0.03, abs=0.003)
    assert min(np.bincount(2 * world.z + world.w)) == np.sum((world.z == 1) & (world.w == 0))


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_no_linear_reader_finds_a_code_that_is_not_linear_and_trees_do(name):
    world = make_world(name, effect=4.0, **BIG)
    rows = balanced(world.w, world.z, np.random.default_rng(0))
    # Trees get the few axes: they cannot turn the coordinates themselves.
    seen = np.column_stack(
        [world.X @ np.stack([world.u_z, world.u_w, *world.hidden]).T, world.strata == "category 1"]
    )
    seen = np.column_stack([seen, world.strata == "category 3"])
    assert held_out(world.X, world.w, rows) == pytest.approx(0.5, abs=0.02)
    assert held_out(seen, world.w, rows, HistGradientBoostingClassifier(max_iter=60)) > 0.85
    assert held_out(world.X, world.z, rows) > 0.97


def test_where_both_factors_are_exclusive_or_no_linear_reader_finds_either_and_products_do():
    world = make_world("both_exclusive_or", effect=4.0, **BIG)
    rows = balanced(world.w, world.z, np.random.default_rng(0))
    axes = world.X @ world.hidden.T
    centred = axes - axes.mean(axis=0)
    for label, pair in ((world.w, (0, 1)), (world.z, (2, 3))):
        assert held_out(world.X, label, rows) == pytest.approx(0.5, abs=0.02)
        products = (centred[:, pair[0]] * centred[:, pair[1]])[:, None]
        assert held_out(products, label, rows) > 0.9


@pytest.mark.parametrize("value", [0, 1])
def test_the_product_is_read_as_asked_where_the_other_factor_is_fixed(value):
    world = make_world("product", effect=EFFECT, **BIG)
    assert held_out(world.X, world.w, world.z == value) == pytest.approx(0.95, abs=0.01)


def test_a_code_that_turns_with_the_category_is_read_as_asked_inside_each_one_and_points_both_ways():
    world = make_world("turned_by_category", **BIG)
    moved = []
    for stratum in np.unique(world.strata):
        rows = (world.strata == stratum) & (world.z == 0)
        assert held_out(world.X, world.w, rows) == pytest.approx(0.95, abs=0.015)
        scores = (world.X @ world.u_w)[rows]
        moved.append(scores[world.w[rows] == 1].mean() - scores[world.w[rows] == 0].mean())
    assert moved == pytest.approx([EFFECT, -EFFECT, EFFECT, -EFFECT], abs=0.12)


def test_sources_explain_all_that_is_read_of_either_factor():
    world = make_world("source_declared", **BIG)
    everywhere = np.ones(len(world.X), bool)
    for label in (world.z, world.w):
        assert held_out(world.X, label, everywhere) > 0.8
        inside = [
            held_out(world.X, label, world.covariates["source"] == source)
            for source in np.unique(world.covariates["source"])
        ]
        assert inside == pytest.approx([0.5] * 4, abs=0.05)


def test_sources_are_declared_in_one_kind_and_in_the_other_nobody_could_know():
    hidden, declared = make_world("source_hidden"), make_world("source_declared")
    assert not hidden.covariates
    assert np.array_equal(hidden.X, declared.X)
    assert not hidden.kind.is_identifiable
    assert not hidden.wrong
    agrees = np.char.startswith(declared.covariates["source"], "b") == (declared.z == 1)
    assert agrees.mean() == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize(("name", "shared"), PARAPHRASES.items())
def test_paraphrases_share_the_variance_of_the_name_and_claim_to_be_strangers(name, shared):
    world = make_world(name, n=8000, d=32, massive=0.0, category_effect=0.0)
    table = (world.X @ world.u_z)[np.argsort(world.families, kind="stable")].reshape(-1, 4)
    between, within = 4 * table.mean(axis=1).var(ddof=1), table.var(axis=1, ddof=1).mean()
    assert (between - within) / (between + 3 * within) == pytest.approx(shared, abs=0.04)
    assert len(np.unique(world.groups)) == 8000
    assert world.known_text is None


def test_paraphrases_keep_half_of_the_words_of_their_original_and_strangers_share_hardly_any():
    world = make_world("paraphrases_50_text", n=2000)
    words = np.array([text.split() for text in world.texts])[np.argsort(world.families, kind="stable")]
    families = words.reshape(-1, 4, words.shape[1])
    assert np.mean(families[:, 0] == families[:, 1]) == pytest.approx(0.25, abs=0.03)  # both keep it
    assert np.mean(families[:-1, 0] == families[1:, 0]) < 0.01
    assert world.known_text == world.texts


def test_texts_have_the_length_that_moves_x_and_labels_follow_it_and_nothing_else():
    world = make_world("length_straight", n=4000, d=24, massive=0.0, category_effect=0.0)
    log_length = np.log([len(text) for text in world.texts])
    assert np.corrcoef(log_length, world.quantity)[0, 1] > 0.999
    assert np.corrcoef(log_length, world.X @ world.u_z)[0, 1] > 0.9
    everywhere = np.ones(4000, bool)
    alone = LogisticRegression()
    assert held_out(log_length[:, None], world.z, everywhere, alone) > 0.75
    t_ = world.quantity[:, None]
    left = world.X - LinearRegression().fit(t_, world.X).predict(t_)
    assert held_out(left, world.z, everywhere) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("n", [401, 800])
def test_groups_of_two_to_six_rows_are_four_on_average_and_share_their_labels(n):
    world = make_world("paraphrase_groups", n=n)
    sizes = np.bincount(world.groups)
    assert sizes.sum() == n
    assert (sizes.min(), sizes.max()) == (2, 6)
    assert sizes.mean() == pytest.approx(4, abs=0.05)
    for part in (world.z, world.w, world.strata):
        assert len(set(zip(world.groups, part, strict=True))) == len(sizes)


def test_sizes_by_zipf_fall_as_one_over_the_rank():
    sizes = np.sort(np.bincount(make_world("zipf_groups", n=4000).groups))[::-1]
    assert sizes.sum() == 4000
    assert len(sizes) == 1000
    assert sizes[:8] * np.arange(1, 9) == pytest.approx([sizes[0]] * 8, rel=0.06)


def test_sizes_of_groups_leave_the_labels_of_groups_as_they_are():
    labels = []
    for name in ("equal", "spread", "zipf"):
        world = make_world("orthogonal", rows_per_group=4, sizes=name)
        labels.append(world.z[np.unique(world.groups, return_index=True)[1]])
    assert np.array_equal(labels[0], labels[1])
    assert np.array_equal(labels[0], labels[2])


def test_large_groups_are_few():
    assert len(np.unique(make_world("large_groups").groups)) == 50


@pytest.mark.parametrize("tails", [3.0, 4.0, 10.0])
def test_heavy_tails_are_those_of_students_t_at_the_same_variance(tails):
    world = make_world("neither", n=20_000, d=24, tails=tails, massive=0.0, category_effect=0.0)
    along = world.X @ world.u_z
    assert kstest(along * np.sqrt(tails / (tails - 2)), t(tails).cdf).pvalue > 1e-3
    # One stretch for the whole row, as in the multivariate distribution.
    beside = np.log(np.abs(world.X @ world.u_w))
    assert np.corrcoef(np.log(np.abs(along)), beside)[0, 1] > 0.03


def test_with_heavy_tails_no_linear_reader_of_means_and_covariance_beats_the_planted_axis():
    world = make_world("orthogonal", tails=4.0, category_effect=0.0, **BIG)
    rows = world.w == 1
    draws = t(4).rvs((2, 400_000), random_state=0) / np.sqrt(2)
    simulated = np.mean(draws[0] + EFFECT > draws[1])
    planted = roc_auc_score(world.z[rows], (world.X @ world.u_z)[rows])
    assert planted == pytest.approx(simulated, abs=0.008)
    assert held_out(world.X, world.z, rows) == pytest.approx(planted, abs=0.008)
