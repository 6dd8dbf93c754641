"""One quantity behind two labels, and labels that err: checked by other people's estimators."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2_contingency, kstest, multivariate_normal, norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from unsinter.features.worlds import WORLDS, make_world

EFFECT = 2.3262  # sqrt(2) * 1.64485, by hand
GRADED = ("graded", "graded_unequal", "graded_unequal_swapped")
BIG = {"n": 60_000, "d": 24, "massive": 0.0, "seed": 4}


def effects(scores, world):
    """Least-squares effects of z and of w on scores (n,) or (n, k)."""
    return LinearRegression().fit(np.column_stack([world.z, world.w]), scores).coef_


@pytest.mark.parametrize(
    ("name", "of_w"), [("swapped", -1), ("unequal_pull", 0.25), ("unequal_pull_swapped", -0.25)]
)
def test_w_moves_the_axis_of_z_as_far_and_in_the_direction_that_the_name_says(name, of_w):
    world = make_world(name, **BIG)
    assert effects(world.X @ world.u_z, world) == pytest.approx([EFFECT, of_w * EFFECT], abs=0.05)


@pytest.mark.parametrize("name", ["swapped", "unequal_pull", "unequal_pull_swapped", "graded"])
def test_the_cells_differ_along_one_axis_only(name):
    world = make_world(name, category_effect=0.0, **BIG)
    fitted = LinearDiscriminantAnalysis(solver="eigen").fit(world.X, 2 * world.z + world.w)
    assert fitted.explained_variance_ratio_[0] > 0.99


@pytest.mark.parametrize("phi", [0.3, 0.8, -0.6])
def test_a_graded_quantity_lies_where_two_cuts_of_correlated_normals_put_it(phi):
    """At cuts at the median phi is 2 / pi times the arc sine of l^2 (Sheppard 1899), and E[t | z] follows."""
    world = make_world("graded", phi=phi, **BIG)
    loading = np.sqrt(np.sin(np.pi * abs(phi) / 2))
    apart = world.quantity[world.z == 1].mean() - world.quantity[world.z == 0].mean()
    assert apart == pytest.approx(4 * loading * norm.pdf(0), abs=0.03)
    assert kstest(world.quantity, "norm").pvalue > 1e-3
    assert matthews_corrcoef(world.z, world.w) == pytest.approx(phi, abs=0.015)


@pytest.mark.parametrize(("phi", "rates"), [(0.4, (0.6, 0.4)), (-0.4, (0.6, 0.6)), (0.2, (0.3, 0.8))])
def test_unequal_cuts_agree_with_the_bivariate_normal_distribution(phi, rates):
    world = make_world("graded_unequal", phi=phi, rate_first=rates[0], rate_second=rates[1], **BIG)
    both = rates[0] * rates[1] + phi * np.sqrt(np.prod([r * (1 - r) for r in rates]))

    def excess(rho):
        return multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf(norm.ppf(rates)) - both

    loading = np.sqrt(abs(brentq(excess, -0.999, 0.999)))
    signs = (1, np.sign(phi))
    for label, rate, sign in zip((world.z, world.w), rates, signs, strict=True):
        expected = sign * loading * norm.pdf(norm.ppf(rate)) / rate
        assert world.quantity[label == 1].mean() == pytest.approx(expected, abs=0.03)


def test_labels_of_a_graded_world_have_nothing_to_do_with_each_other_once_the_quantity_is_known():
    world = make_world("graded", phi=0.6, n=200_000, d=16, n_words=8)
    near = np.abs(world.quantity[:, None] - np.linspace(-1, 1, 9)) < 0.03
    tables = [np.histogram2d(world.z[rows], world.w[rows], 2)[0] for rows in near.T]
    assert min(chi2_contingency(table, correction=False).pvalue for table in tables) > 1e-3
    assert matthews_corrcoef(world.z, world.w) == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("name", GRADED)
def test_effects_of_a_graded_world_are_those_asked_for(name):
    world = make_world(name, effect=3.0, **BIG)
    assert np.abs(effects(world.X @ world.u_z, world)).mean() == pytest.approx(3.0, abs=0.06)
    left = world.X @ world.u_z
    slope = LinearRegression().fit(world.quantity[:, None], left)
    assert (left - slope.predict(world.quantity[:, None])).std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("name", ["graded_curve", "length"])
def test_on_the_curve_labels_tell_nothing_of_x_once_its_place_on_the_curve_is_known(name):
    world = make_world(name, category_effect=0.0, length_effect=0.0, **BIG)
    t = world.quantity
    curve = np.column_stack([t, t**2 - 1])
    both = LinearRegression().fit(curve, world.X @ world.hidden.T)
    gain = both.coef_[0, 0]
    assert gain > 2
    assert both.coef_ == pytest.approx(gain * np.eye(2), abs=0.03)
    raw = effects(world.X, world)
    left = effects(world.X - LinearRegression().fit(curve, world.X).predict(curve), world)
    assert np.linalg.svd(raw, compute_uv=False)[1] > 0.5  # two dimensions, and none is left
    assert np.abs(left).max() < 0.08


def test_one_bit_stands_behind_both_labels_which_err_in_5_and_20_per_cent():
    world = make_world("hidden_bit", **BIG)
    assert np.array_equal(world.true_z, world.true_w)
    assert np.mean(world.z != world.true_z) == pytest.approx(0.05, abs=0.005)
    assert np.mean(world.w != world.true_w) == pytest.approx(0.20, abs=0.008)
    assert matthews_corrcoef(world.z, world.w) == pytest.approx(0.9 * 0.6, abs=0.015)
    assert roc_auc_score(world.true_z, world.X @ world.u_z) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("name", [name for name, kind in WORLDS.items() if kind.rates_known])
def test_known_rates_are_how_often_an_observed_label_is_the_true_one(name):
    world = make_world(name, rate_first=0.3, **BIG)
    for sure, observed, true in (
        (world.z_sure, world.z, world.true_z),
        (world.w_sure, world.w, world.true_w),
    ):
        assert sure == pytest.approx([np.mean(true[observed == code] == code) for code in (0, 1)], abs=0.015)


def test_where_rates_are_unknown_none_are_given():
    assert make_world("shared_noisy_w").w_sure is None
    assert make_world("first_only_noisy").z_sure is None


@pytest.mark.parametrize(
    ("name", "phi", "right"),
    [
        ("first_only", 0.6, {"first-only", "not-apart"}),
        ("first_only", 0.0, {"first-only"}),
        ("second_only", -0.6, {"second-only", "not-apart"}),
        ("first_only_noisy_known", 0.6, {"first-only"}),
        ("shared", 0.6, {"shared"}),
        ("orthogonal", 0.6, {"separable"}),
    ],
)
def test_saying_not_apart_is_right_where_unknown_errors_could_feign_that_one_factor_only_is_read(
    name, phi, right
):
    assert make_world(name, phi=phi, n=2000).right == right
