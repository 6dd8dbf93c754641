import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from scipy.linalg import fractional_matrix_power
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from unsinter.probes.erasure import Eraser, fit_leace, fit_permuted_leace, random_eraser

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "`torch.jit.script` is", DeprecationWarning)
    from concept_erasure import LeaceEraser, optimal_linear_shrinkage


def mixed(n=2000, d=24, k=2, seed=0, shift=1.0):
    """Correlated columns of one deviation, with a mean per class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, size=n)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + shift * rng.normal(size=(k, d))[y] + 3
    return X / X.std(axis=0), y


def two_factors(n, d, phi, seed=0, length=2.0):
    """Two factors on orthogonal axes, labels correlated at phi; noise of unit deviation."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    w = np.where(rng.random(n) < (1 + phi) / 2, z, 1 - z)
    u, v = np.linalg.qr(rng.normal(size=(d, 2))).Q.T
    X = rng.normal(size=(n, d)) + length * (np.outer(2 * z - 1, u) + np.outer(2 * w - 1, v))
    return X, z, w


def mean_gaps(X, y):
    return np.abs([X[y == k].mean(axis=0) - X.mean(axis=0) for k in np.unique(y)]).max()


def read_by_ridge(X, y, train, test, weights=None):
    weights = np.ones(len(train)) if weights is None else weights
    return roc_auc_score(y[test], Ridge(alpha=100.0).fit(X[train], y[train], weights).predict(X[test]))


def by_library(X, y, **options):
    one_hot = torch.eye(int(y.max()) + 1, dtype=torch.float64)[y]
    return LeaceEraser.fit(torch.tensor(X), one_hot, **options)(torch.tensor(X)).numpy()


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("shrinkage", [True, False])
def test_the_eraser_is_that_of_the_methods_authors(k, shrinkage):
    X, y = mixed(k=k)
    expected = by_library(X, y, shrinkage=shrinkage, svd_tol=1e-9)
    np.testing.assert_allclose(fit_leace(X, y, shrinkage=shrinkage)(X), expected, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3, 5, 10, 20])
@pytest.mark.parametrize("shrinkage", [True, False])
def test_on_the_data_of_their_own_tests_it_is_theirs(n_classes, shrinkage):
    """Two of the 128 columns are combinations of others: the covariance has no inverse."""
    X, y = make_classification(
        n_samples=2048, n_features=128, n_classes=n_classes, n_informative=n_classes, random_state=42
    )
    if shrinkage:  # theirs depends on the units of columns, ours does not
        X /= X.std(axis=0)
    expected = by_library(X, y, shrinkage=shrinkage, svd_tol=1e-9)
    eraser = fit_leace(X, y, shrinkage=shrinkage)
    assert eraser.rank == n_classes - 1
    np.testing.assert_allclose(eraser(X), expected, atol=1e-5)


def test_with_fewer_rows_than_columns_it_is_still_theirs():
    """Rows are reduced to the space they span; the shrinkage must still know of all columns."""
    X, y = mixed(n=60, d=200, k=3)
    np.testing.assert_allclose(fit_leace(X, y)(X), by_library(X, y, svd_tol=1e-9), atol=1e-5)


def test_the_eraser_is_the_closed_form_of_the_paper():
    X, y = mixed(k=3)
    centred = X - X.mean(axis=0)
    W = fractional_matrix_power(centred.T @ centred / len(X), -0.5)
    A = W @ centred.T @ (np.eye(3)[y] - np.eye(3)[y].mean(axis=0))
    P = np.linalg.inv(W) @ A @ np.linalg.pinv(A) @ W
    np.testing.assert_allclose(fit_leace(X, y, shrinkage=False)(X), X - centred @ P.T, atol=1e-8)


@pytest.mark.parametrize("k", [2, 4])
def test_a_fresh_logistic_regression_finds_nothing_where_it_found_much(k):
    X, y = mixed(k=k)
    fresh = LogisticRegression(max_iter=5000, tol=1e-6)
    assert np.abs(fresh.fit(X, y).coef_).max() > 0.1
    erased = fit_leace(X, y)(X)
    assert np.abs(fresh.fit(erased, y).coef_).max() < 1e-3
    assert mean_gaps(erased, y) < 1e-10


def test_erasing_twice_is_erasing_once():
    X, y = mixed(k=4)
    eraser = fit_leace(X, y)
    erased = eraser(X)
    assert eraser.rank == 3
    assert np.linalg.matrix_rank(X - erased) == 3
    np.testing.assert_allclose(eraser(erased), erased, atol=1e-10)
    np.testing.assert_allclose(erased.mean(axis=0), X.mean(axis=0), atol=1e-10)
    assert fit_leace(erased, y).rank == 0


def test_a_rare_weak_concept_is_erased_where_the_library_leaves_it():
    """Prevalence .02 and a shift of half a deviation fall under the library's absolute cut of 0.01."""
    rng = np.random.default_rng(0)
    y = (np.arange(20_000) % 50 == 0).astype(int)
    X = rng.normal(size=(20_000, 4))
    X -= np.stack([X[y == k].mean(axis=0) for k in (0, 1)])[y]
    X[:, 0] += 0.5 * y
    theirs = LeaceEraser.fit(torch.tensor(X), torch.tensor(y))(torch.tensor(X)).numpy()
    assert mean_gaps(X, y) == pytest.approx(0.49)
    assert mean_gaps(theirs, y) == pytest.approx(0.49)
    eraser = fit_leace(X, y)
    assert eraser.rank == 1
    assert mean_gaps(eraser(X), y) < 1e-10


def test_near_isotropy_the_metric_is_the_identity_where_the_librarys_turns_over():
    """The unbounded weight of the sample is negative here: its widest direction would count as narrowest."""
    X, y = np.random.default_rng(0).normal(size=(20, 5)), np.arange(20) % 2
    X /= X.std(axis=0)
    centred = X - X.mean(axis=0)
    S = torch.tensor(centred.T @ centred / 20)
    widest = torch.linalg.eigh(S)[1][:, -1]
    assert widest @ optimal_linear_shrinkage(S, 20) @ widest < 0.99 * S.trace() / 5
    expected = by_library(X, y, method="orth", svd_tol=1e-9)
    np.testing.assert_allclose(fit_leace(X, y)(X), expected, atol=1e-10)


@pytest.mark.parametrize("prevalence", [0.5, 0.02, 0.0005])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_what_is_erased_depends_on_neither_prevalence_nor_units(prevalence, unit):
    y = (np.arange(20_000) < 20_000 * prevalence).astype(int)
    X = np.random.default_rng(0).normal(size=(20_000, 4))
    X -= np.stack([X[y == k].mean(axis=0) for k in (0, 1)])[y]
    X[:, 0] += 1e-3 * y
    eraser = fit_leace(X * unit, y)
    assert eraser.rank == 1
    assert mean_gaps(eraser(X * unit), y) < 1e-10 * unit


@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_units_of_a_column_change_nothing(factor):
    X, y = mixed()
    units = np.where(np.arange(X.shape[1]) % 3 == 0, factor, 1.0)
    np.testing.assert_allclose(fit_leace(X * units, y)(X * units) / units, fit_leace(X, y)(X), atol=1e-6)


def test_constant_columns_pass_through():
    X, y = mixed()
    X[:, 5] = 7.3
    np.testing.assert_array_equal(fit_leace(X, y)(X)[:, 5], X[:, 5])


def test_erasure_on_the_same_rows_looks_perfect_while_a_disjoint_probe_still_reads():
    """400 rows of 512 columns: why eraser, probe and score need three sets of rows."""
    X, _, w = two_factors(1200, 512, 0.0, length=1.0)
    fit, probe, test = np.split(np.arange(1200), 3)
    erased = fit_leace(X[fit], w[fit])(X)
    assert read_by_ridge(erased, w, fit, test) == pytest.approx(0.5, abs=0.08)
    assert np.abs(Ridge(alpha=100.0).fit(erased[fit], w[fit]).coef_).max() < 1e-8
    assert read_by_ridge(erased, w, probe, test) > 0.65


def test_within_levels_of_the_other_label_that_label_survives():
    X, z, w = two_factors(4500, 256, 0.9)
    fit, probe, test = np.split(np.arange(4500), 3)
    plain = fit_leace(X[fit], w[fit])(X)
    within = fit_leace(X[fit], w[fit], within=z[fit])(X)
    assert read_by_ridge(plain, z, probe, test) < 0.95
    assert read_by_ridge(within, z, probe, test) > 0.99


def test_within_makes_the_covariance_with_the_label_vanish_at_fixed_levels():
    X, z, w = two_factors(900, 20, 0.8)
    erased = fit_leace(X, w, within=z)(X)
    inside = np.zeros(20)
    for level in (0, 1):
        rows = z == level
        inside += (w[rows] - w[rows].mean()) @ erased[rows]
    np.testing.assert_allclose(inside / 900, 0, atol=1e-12)
    assert np.linalg.norm(erased[z == 1].mean(axis=0) - erased[z == 0].mean(axis=0)) > 3


def test_within_levels_the_metric_is_the_covariance_within_them():
    X, z, w = two_factors(900, 12, 0.8)
    inside = X - np.stack([X[z == k].mean(axis=0) for k in (0, 1)])[z]
    W = fractional_matrix_power(inside.T @ inside / 900, -0.5)
    a = W @ inside.T @ w / np.linalg.norm(W @ inside.T @ w)
    expected = X - (X - X.mean(axis=0)) @ (np.linalg.inv(W) @ np.outer(a, a) @ W).T
    np.testing.assert_allclose(fit_leace(X, w, within=z, shrinkage=False)(X), expected, atol=1e-8)


def test_a_random_eraser_removes_as_many_orthonormal_directions_as_asked():
    eraser = random_eraser(30, 4, seed=1, centre=np.full(30, 2.0))
    np.testing.assert_allclose(eraser.right @ eraser.left, np.eye(4), atol=1e-12)
    X = np.random.default_rng(0).normal(size=(50, 30)) + 2
    assert np.linalg.matrix_rank(eraser(X) - 2) == 26
    np.testing.assert_allclose(eraser(np.full((1, 30), 2.0)), 2.0)
    np.testing.assert_array_equal(eraser.left, random_eraser(30, 4, seed=1).left)


def test_an_eraser_of_permuted_labels_has_equal_rank_and_leaves_the_label():
    X, y = mixed(k=4)
    eraser = fit_permuted_leace(X, y, groups=np.arange(len(y)), seed=3)
    assert eraser.rank == fit_leace(X, y).rank
    assert mean_gaps(eraser(X), y) > 0.5 * mean_gaps(X, y)


def test_it_keeps_the_float_type_and_cannot_be_changed():
    X, y = mixed()
    eraser = fit_leace(X.astype(np.float32), y)
    assert eraser(X.astype(np.float32)).dtype == np.float32
    assert eraser.left.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        eraser.left[0] = 0
    with pytest.raises(AttributeError):
        eraser.left = 0


def with_nan(X):
    X = X.copy()
    X[3, 2] = np.nan
    return X


X, Y = mixed(n=40, d=6)
BAD = {
    "one class": ((X, np.ones(40)), {}, "one class only"),
    "NaN in X": ((with_nan(X), Y), {}, "NaN or inf"),
    "missing label": ((X, np.where(np.arange(40) == 3, np.nan, Y)), {}, "missing labels"),
    "no label": ((X, np.array([None, *"ab" * 19, "a"], dtype=object)), {}, "missing labels"),
    "a class per row": ((X, np.arange(40)), {}, "40 classes in 40 rows"),
    "lengths": ((X, Y[:-1]), {}, "one label for each of 40 rows"),
    "a vector": ((X[0], Y), {}, r"X must be \(n_examples, d_model\)"),
    "constant inside": ((X, Y), {"within": Y}, "constant inside every level"),
    "length of within": ((X, Y), {"within": Y[:-1]}, "within must hold one label"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_erased_is_refused(case):
    arguments, options, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        fit_leace(*arguments, **options)


def test_refusals_do_not_need_assertions():
    code = (
        "import numpy as np; from unsinter.probes.erasure import fit_leace\n"
        "try: fit_leace(np.eye(9), np.ones(9))\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=True)
    assert "one class only" in done.stdout


@pytest.mark.parametrize("rank", [0, 7])
def test_a_random_eraser_of_an_impossible_rank_is_refused(rank):
    with pytest.raises(ValueError, match="rank must be from 1 to 6"):
        random_eraser(6, rank, seed=0)


def test_rows_of_another_width_are_refused():
    eraser = Eraser(left=np.ones((6, 1)), right=np.ones((1, 6)) / 6, centre=np.zeros(6))
    with pytest.raises(ValueError, match=r"X must be \(n_examples, 6\), got shape \(40, 5\)"):
        eraser(X[:, :5])
