import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from unsinter.probes.nullspace import fit_nullspace


def classes(n=3000, d=30, k=2, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    return rng.normal(size=(n, d)) + 2 * np.linalg.qr(rng.normal(size=(d, k))).Q.T[y], y


@pytest.mark.parametrize("k", [2, 4])
def test_a_fresh_probe_on_new_rows_is_at_chance_after_the_rank_it_reports(k):
    X, y = classes(n=6000, k=k)
    found = fit_nullspace(X[:3000], y[:3000], margin=0.02)
    erased = found.eraser(X)
    new = LogisticRegression(max_iter=500).fit(erased[3000:4500], y[3000:4500])
    assert LogisticRegression(max_iter=500).fit(X[3000:4500], y[3000:4500]).score(X[4500:], y[4500:]) > 0.75
    assert new.score(erased[4500:], y[4500:]) < 1 / k + 0.08
    assert found.reached_chance
    assert found.accuracy[0] > 0.75
    assert found.accuracy[-1] <= 1 / k + 0.02
    assert found.eraser.rank == (len(found.accuracy) - 1) * (k - 1)
    assert found.eraser.rank <= 5 * (k - 1)


def test_it_is_an_orthogonal_projection_that_keeps_the_mean():
    X, y = classes()
    eraser = fit_nullspace(X, y).eraser
    np.testing.assert_allclose(eraser.right @ eraser.left, np.eye(eraser.rank), atol=1e-10)
    np.testing.assert_array_equal(eraser.left.T, eraser.right)
    np.testing.assert_allclose(eraser(X).mean(axis=0), X.mean(axis=0), atol=1e-10)


def test_columns_of_other_units_do_not_bring_back_what_is_gone():
    X, y = classes()
    X *= np.geomspace(0.01, 100, X.shape[1])
    found = fit_nullspace(X, y, max_rank=8)
    np.testing.assert_allclose(found.eraser.right @ found.eraser.left, np.eye(found.eraser.rank), atol=1e-10)


def test_it_says_so_when_the_rank_allowed_does_not_reach_chance():
    X, y = classes(n=400, d=300)
    found = fit_nullspace(X, y, max_rank=1, margin=0.001)
    assert found.eraser.rank == 1
    assert not found.reached_chance


def test_groups_stay_on_one_side():
    """Copies of a row on both sides would be read long after a concept is gone."""
    rng = np.random.default_rng(0)
    X, y = np.repeat(rng.normal(size=(60, 200)), 5, axis=0), np.repeat(np.arange(60) % 2, 5)
    assert fit_nullspace(X, y, max_rank=1).accuracy[0] > 0.95
    assert fit_nullspace(X, y, groups=np.repeat(np.arange(60), 5), max_rank=1).accuracy[0] < 0.75


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_rank": 0}, "max_rank must be at least 1"),
        ({"groups": np.arange(100) % 2}, "at least 3"),
        ({"groups": np.repeat([0, 1, 2], [80, 10, 10])}, "lack a class of y"),
    ],
)
def test_what_cannot_be_split_is_refused(options, message):
    X = np.random.default_rng(0).normal(size=(100, 3))
    y = (np.arange(100) < 80).astype(int)
    with pytest.raises(ValueError, match=message):
        fit_nullspace(X, y, **options)
