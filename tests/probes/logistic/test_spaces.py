"""One optimum in both spaces, whatever the data's symmetries."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from unsinter.probes import GridSolver, Task
from unsinter.probes.logistic.routes import pays

PENALTIES = (1.0, 1e-2, 1e-3)
COMMON = {"max_examples": 6, "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def world(n, d, classes, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.r_[np.arange(classes), np.arange(classes), rng.integers(0, classes, size=n - 2 * classes)]
    X = rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -0.3 + 0.5 * rng.normal(size=(classes, d))[codes]
    return X, codes


def solved(X, tasks, penalties=PENALTIES, **options):
    options = {"dtype": "float64"} | options
    return GridSolver(X, **options).fit(tasks, penalties, tolerance=1e-10, max_iter=2000)


def optimum(X, task, penalty):
    """scikit-learn's weights and intercepts on raw activations, solved to its last digits."""
    rows, weights = task.trains, task.row_weights[task.trains]
    scaler = StandardScaler().fit(X[rows], sample_weight=weights)
    model = LogisticRegression(C=1 / (penalty * weights.sum()), tol=1e-11, max_iter=50_000)
    model.fit(scaler.transform(X[rows]), task.codes[rows], sample_weight=weights)
    coef = model.coef_ / scaler.scale_
    return coef, model.intercept_ - coef @ scaler.mean_


@pytest.mark.parametrize("classes", [2, 3, 5, 12])
@pytest.mark.parametrize("shape", [(60, 90), (90, 25)])
def test_weights_and_scores_are_scikit_learns_at_the_optimum(space, classes, shape):
    X, codes = world(*shape, classes)
    rng = np.random.default_rng(3)
    weights = rng.uniform(0.5, 2.0, size=len(X)) * (rng.random(len(X)) < 0.8)
    weights[: 2 * classes] = 1.0
    masked = np.where(np.arange(len(X)) % 9 == 8, -1, codes)
    masked[: 2 * classes] = codes[: 2 * classes]
    task = Task(codes=masked, n_classes=classes, weights=weights)
    (fit,) = solved(X, [task])
    assert fit.converged.all()
    for index, penalty in enumerate(PENALTIES):
        coef, intercept = optimum(X, task, penalty)
        np.testing.assert_allclose(fit.weights(index)[0], coef, atol=2e-4)
        expected = X @ coef.T + intercept
        expected = expected[:, 0] if classes == 2 else expected - expected.mean(axis=1, keepdims=True)
        scores = fit.scores[index]
        scores = scores if classes == 2 else scores - scores.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(scores, expected, atol=5e-3)


def test_columns_that_never_vary_get_no_weight_and_change_nothing(space):
    X, codes = world(80, 50, 3)
    padded = np.column_stack([np.full(80, 7.0), X, np.zeros(80), np.full(80, 1e6)])
    task = Task(codes=codes, n_classes=3)
    (fit,), (alone,) = solved(padded, [task]), solved(X, [task])
    coef, _ = fit.weights(1)
    assert (coef[:, [0, -2, -1]] == 0).all()
    np.testing.assert_allclose(fit.scores, alone.scores, atol=1e-5)


def test_rows_without_any_variation_score_what_the_classes_shares_say(space):
    codes = np.array([0, 0, 0, 1])
    (fit,) = solved(np.ones((4, 6)), [Task(codes=codes, n_classes=2)])
    np.testing.assert_allclose(fit.scores, -np.log(3), atol=1e-9)
    assert fit.converged.all()


def test_tiny_and_absent_classes_are_fitted_beside_large_ones(space):
    X, codes = world(120, 70, 4)
    rare = np.where((codes == 3) & (np.arange(120) > 4), 0, codes)
    absent = Task(codes=codes, n_classes=4, weights=(codes != 2).astype(float))
    one_row = Task(codes=rare, n_classes=4)
    two, binary = (
        Task(codes=codes, n_classes=4, weights=(codes < 2).astype(float)),
        Task(codes=codes % 2, n_classes=2),
    )
    fits = solved(X, [absent, one_row, two, binary])
    assert np.isneginf(fits[0].scores[:, :, 2]).all()
    assert np.isneginf(fits[2].scores[:, :, 2:]).all()
    assert all(fit.converged.all() for fit in fits)
    alone = [solved(X, [task])[0] for task in (absent, one_row, two, binary)]
    for fit, own in zip(fits, alone, strict=True):
        finite = np.isfinite(own.scores)
        np.testing.assert_allclose(fit.scores[finite], own.scores[finite], atol=1e-3)


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 4), d=st.sampled_from([10, 60]))
@settings(**COMMON)
def test_the_order_of_rows_and_the_names_of_classes_change_no_score(space, seed, classes, d):
    X, codes = world(40, d, classes, seed)
    rng = np.random.default_rng(seed)
    rows, names = rng.permutation(40), rng.permutation(classes)
    (fit,) = solved(X, [Task(codes=codes, n_classes=classes)])
    (other,) = solved(X[rows], [Task(codes=names[codes][rows], n_classes=classes)])
    expected = fit.scores[:, rows]
    if classes > 2:
        np.testing.assert_allclose(other.scores[:, :, names], expected, atol=1e-4)
    else:
        np.testing.assert_allclose(other.scores, expected if names[1] == 1 else -expected, atol=1e-4)


@given(seed=st.integers(0, 10_000), power=st.integers(-30, 30))
@settings(**COMMON)
def test_units_and_offsets_of_columns_change_no_score(space, seed, power):
    X, codes = world(40, 60, 3, seed)
    rng = np.random.default_rng(seed)
    moved = X * 2.0 ** rng.integers(-power if power > 0 else power, abs(power) + 1, size=60) + rng.normal(
        size=60
    )
    task = Task(codes=codes, n_classes=3)
    (fit,), (other,) = solved(X, [task]), solved(X * 3.0, [task])
    np.testing.assert_allclose(other.scores, fit.scores, atol=1e-4)
    (other,) = solved(moved * 2.0**power, [task])
    if abs(power) < 15:  # beyond, the offsets leave few digits of the small columns
        np.testing.assert_allclose(other.scores, fit.scores, atol=1e-3)
    assert np.isfinite(other.scores).all()


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 3))
@settings(**COMMON)
def test_a_rotation_changes_no_score_where_columns_keep_their_units(space, seed, classes):
    X, codes = world(40, 55, classes, seed)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(55, 55)))[0]
    task = Task(codes=codes, n_classes=classes)
    (fit,) = solved(X, [task], standardize=False)
    (other,) = solved(X @ turn, [task], standardize=False)
    np.testing.assert_allclose(other.scores, fit.scores, atol=1e-4, rtol=1e-4)


def test_the_space_of_rows_is_chosen_where_rows_are_fewer_than_twice_the_columns_and_fits_are_many():
    assert pays(2000, 2304, n_products=2500)
    assert not pays(2000, 512, n_products=2500)
    assert not pays(2000, 2304, n_products=10)
    assert pays(1990, 1000, n_products=10**6)
    assert not pays(2000, 1000, n_products=10**6)


def test_reading_scores_makes_no_weights_where_every_row_trains():
    X, codes = world(60, 200, 3)
    tasks = [Task(codes=np.roll(codes, shift), n_classes=3) for shift in range(4)]
    fits = GridSolver(X).fit(tasks, np.logspace(-3, 1, 8))
    assert all(np.isfinite(fit.scores).all() for fit in fits)
    assert not any("column_weights" in vars(fit._solution) for fit in fits)
    np.testing.assert_allclose(
        fits[0].scores[3], X @ fits[0].weights(3)[0].T + fits[0].weights(3)[1], atol=1e-4
    )
