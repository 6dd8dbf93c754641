"""Where components lose a weak signal, a linear map of all columns stands in for the network."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from unsinter.probes import MLPProbe
from unsinter.probes.mlp.batch import fit_mlps
from unsinter.probes.mlp.inputs import reduced_inputs
from unsinter.probes.mlp.job import MLPSettings
from unsinter.probes.mlp.linear_part import _path, linear_map
from unsinter.probes.tasks import Task

SETTINGS = MLPSettings(width=16, n_components=8)


def planted(*, n=900, d=60, n_classes=2, seed=0):
    """Activations (n, d) of falling variance in rotated columns; labels shift them where it is smallest."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, n)
    latent = rng.normal(size=(n, d)) / np.arange(1, d + 1)
    latent[:, -n_classes:] += 0.04 * np.eye(n_classes)[codes]
    return latent @ np.linalg.qr(rng.normal(size=(d, d)))[0] * 3 + 1, codes


def task_of(codes, n_classes=2):
    return Task(codes=codes, n_classes=n_classes, weights=(np.arange(len(codes)) < 600).astype(float))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_signal_outside_the_components_is_read_and_held_out_rows_show_it(n_classes):
    X, codes = planted(n_classes=n_classes)
    (network,) = fit_mlps(X, [task_of(codes, n_classes)], SETTINGS, [0])
    scores = network.scores(X)[600:]
    scores = scores if n_classes == 2 else scores[:, 1]
    assert roc_auc_score(codes[600:] == 1, scores) > 0.85
    ((weight, _),) = network.layers
    assert weight.shape == (1 if n_classes == 2 else 3, 60)


def test_the_loss_is_that_of_the_returned_map_on_the_validation_rows():
    X, codes = planted()
    task, validation = task_of(codes), np.arange(len(codes)) % 10 == 0
    inputs = reduced_inputs(X, task.trains & ~validation, task.trains, 8)
    result = linear_map(X, task, validation, inputs)
    rows = np.flatnonzero(validation & task.trains)
    logits = (X[rows] @ result.weight.T + result.bias)[:, 0]
    assert result.loss == pytest.approx(
        np.logaddexp(0, np.where(codes[rows] == 1, -logits, logits)).mean(), abs=1e-4
    )


def test_a_network_that_sees_what_no_line_can_stays():
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(900, 60)) / np.arange(1, 61)
    latent[:, :2] *= 10
    codes = (latent[:, 0] * latent[:, 1] > 0).astype(int)
    X = latent @ np.linalg.qr(rng.normal(size=(60, 60)))[0]
    (network,) = fit_mlps(X, [task_of(codes)], MLPSettings(width=32, n_components=2), [0])
    assert len(network.layers) == 2
    assert roc_auc_score(codes[600:], network.scores(X)[600:]) > 0.9


def test_the_path_ends_at_least_squares():
    rng = np.random.default_rng(1)
    A, b = rng.normal(size=(50, 6)), rng.normal(size=(50, 2))
    basis = np.linalg.qr(rng.normal(size=(6, 3)))[0]
    path = _path(*(torch.from_numpy(part).float() for part in (A, b, basis)))
    np.testing.assert_allclose(path[-1], np.linalg.lstsq(A, b)[0], atol=1e-4)
    residuals = [float(((A @ W.numpy() - b) ** 2).sum()) for W in path]
    assert residuals == sorted(residuals, reverse=True)


def test_without_components_or_validation_rows_there_is_no_map():
    X, codes = planted()
    task, nobody = task_of(codes), np.zeros(len(codes), dtype=bool)
    inputs = reduced_inputs(X, task.trains, task.trains, 8)
    assert linear_map(X, task, nobody, inputs) is None
    whole = reduced_inputs(X, task.trains, task.trains, None)
    assert linear_map(X, task, np.arange(len(codes)) % 10 == 0, whole) is None


@pytest.mark.parametrize("value", [0.1, 0.0, -3e4])
def test_columns_that_are_constant_give_finite_weights_and_one_score_for_all(value):
    """Layer 0 at a fixed token of the template is such a site; .1 has no exact mean in float32."""
    X = np.full((80, 100), value, dtype=np.float32)
    codes = np.arange(80) % 2
    probe = MLPProbe().fit(X, codes)
    scores = probe.decision_function(X)
    assert np.isfinite(scores).all()
    assert np.ptp(scores) == 0
