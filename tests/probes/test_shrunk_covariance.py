import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf

from unsinter.probes import shrunk_covariance
from unsinter.probes.shrunk_covariance import fold_covariances


def by_library(rows, B):
    """Return shrinkage and B times the inverse of scikit-learn's shrunk covariance of standardised rows."""
    rows = rows.astype(float)
    Z = (rows - rows.mean(axis=0)) / np.where(rows.std(axis=0) > 0, rows.std(axis=0), 1)
    covariance, shrinkage = ledoit_wolf(Z, assume_centered=True)
    return shrinkage, np.linalg.solve(covariance, B.T).T


@pytest.mark.parametrize(("n", "d"), [(200, 30), (60, 50), (40, 200)])
def test_each_fold_has_the_shrunk_covariance_of_the_rows_outside_it(n, d):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(n, d)) * np.linspace(0.1, 30, d) + 5).astype(np.float32)
    X[:, 1:4] += 40 * rng.normal(size=(n, 1))
    B = rng.normal(size=(3, d))
    folds = np.arange(n) % 4
    for fold, metric in enumerate(fold_covariances(torch.as_tensor(X), folds)):
        shrinkage, solved = by_library(X[folds != fold], B)
        assert metric.shrinkage == pytest.approx(shrinkage, rel=1e-3)
        np.testing.assert_allclose(metric.solve(torch.as_tensor(B)).numpy(), solved, rtol=2e-3, atol=2e-3)
        own = metric.standardise(torch.as_tensor(X[folds != fold])).numpy()
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=2e-3)
        np.testing.assert_allclose(own.std(axis=0), 1, rtol=1e-3)


def test_a_column_that_never_varies_and_a_huge_one_do_no_harm():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(100, 12)).astype(np.float32)
    X[:, 3], X[:, 5] = 7.0, 1e4 * X[:, 5] + 3e5
    (metric, _) = fold_covariances(torch.as_tensor(X), np.arange(100) % 2)
    solved = metric.solve(torch.eye(12)).numpy()
    assert np.isfinite(solved).all()
    assert np.linalg.eigvalsh(solved).min() > 0


def test_rows_worked_on_in_blocks_give_the_shrinkage_and_the_leverage_of_all_of_them(monkeypatch):
    monkeypatch.setattr(shrunk_covariance, "BLOCK_ROWS", 7)
    X = np.random.default_rng(2).normal(size=(90, 12)).astype(np.float32)
    X[:, 1:6] += 2 * X[:, :1]
    folds = np.arange(90) % 3
    for fold, metric in enumerate(fold_covariances(torch.as_tensor(X), folds)):
        assert metric.shrinkage == pytest.approx(by_library(X[folds != fold], np.eye(12))[0], rel=1e-3)
        seen = metric.standardise(torch.as_tensor(X[folds != fold]))
        own = (metric.solve(seen) * seen).sum(dim=1) * (1 - metric.shrinkage) / 60
        np.testing.assert_allclose(metric.leverage(seen), own, rtol=1e-4)
