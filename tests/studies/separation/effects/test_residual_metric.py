"""Residuals and their metric are what their definitions say, in blocks of rows or at once."""

import numpy as np
import pytest
import torch

from unsinter.studies.separation.effects import residual_metric
from unsinter.studies.separation.effects.residual_metric import ResidualMetric, coordinates, least_squares


@pytest.fixture(params=[7, 4096], ids=["in blocks", "at once"])
def metric_and_rows(request, monkeypatch):
    monkeypatch.setattr(residual_metric, "BLOCK_ROWS", request.param)
    rng = np.random.default_rng(0)
    rows = torch.as_tensor(rng.normal(size=(60, 9)) * np.arange(1, 10))
    return ResidualMetric.fit(rows, n_dimensions=9), rows


def test_whitened_rows_have_the_products_of_the_inverse(metric_and_rows):
    metric, rows = metric_and_rows
    white = metric.whiten(rows)
    assert white.dtype == torch.float32
    np.testing.assert_allclose(white @ white.T, metric.solve(rows) @ rows.T, rtol=1e-3, atol=1e-3)


def test_leverage_is_the_share_of_a_row_in_its_own_length(metric_and_rows):
    metric, rows = metric_and_rows
    own = metric.weight * (metric.solve(rows) * rows).sum(dim=1)
    np.testing.assert_allclose(metric.leverage(rows), own, rtol=1e-4)


def test_residuals_are_those_of_least_squares_and_what_they_are_made_of_stays():
    rng = np.random.default_rng(1)
    H, Y = rng.normal(size=(40, 3)), rng.normal(size=(40, 5))
    kept = Y.copy()
    residual, leverage = least_squares(torch.as_tensor(H), torch.as_tensor(Y))
    np.testing.assert_allclose(residual, Y - H @ np.linalg.lstsq(H, Y)[0], atol=1e-12)
    np.testing.assert_allclose(leverage, np.diag(H @ np.linalg.pinv(H)), atol=1e-12)
    np.testing.assert_array_equal(Y, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [5, 60])
def test_coordinates_keep_the_products_of_columns_on_one_scale_and_leave_the_rows_alone(d, dtype):
    X = np.random.default_rng(2).normal(loc=3, size=(20, d)).astype(dtype)
    kept = X.copy()
    Y = coordinates(X).Y
    Z = (X - X.mean(axis=0, dtype=float)) / X.std(axis=0, dtype=float)
    np.testing.assert_allclose(Y @ Y.T, Z @ Z.T, atol=1e-5)
    np.testing.assert_array_equal(X, kept)
