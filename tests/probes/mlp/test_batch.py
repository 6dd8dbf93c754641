from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from unsinter.probes.mlp.batch import fit_mlps, train_networks
from unsinter.probes.mlp.inputs import reduced_inputs
from unsinter.probes.mlp.job import Job, MLPSettings
from unsinter.probes.mlp.step import NetworkStack
from unsinter.probes.mlp.validation import validation_rows
from unsinter.probes.tasks import Task

SETTINGS = MLPSettings(width=16, max_epochs=12, n_components=8)


def world(n=240, d=20, layers=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(layers, n, d)).astype(np.float32) * 5 + 2
    codes = (X[0, :, 0] * X[0, :, 1] > 4).astype(int)
    return X, codes


def jobs(codes, n_layers=2, n_classes=2):
    made = []
    for layer in range(n_layers):
        for fold in range(3):
            weights = (np.arange(len(codes)) % 3 != fold).astype(float)
            task = Task(codes=codes, n_classes=n_classes, weights=weights)
            held_out = validation_rows(np.where(weights > 0, codes, -1), None, fraction=0.15, seed=fold)
            made.append(Job(task=task, validation=held_out, seed=fold, layer=layer))
    return made


@pytest.mark.parametrize("depth", [1, 2])
def test_a_network_alone_is_the_network_in_a_batch(depth):
    X, codes = world()
    settings = MLPSettings(width=16, max_epochs=12, n_components=8, depth=depth, patience=3)
    all_jobs = jobs(codes)
    together = train_networks(X, all_jobs, settings)
    for job, network in zip(all_jobs, together, strict=True):
        alone = train_networks(X, [job], settings)[0]
        assert alone.n_epochs == network.n_epochs
        assert np.allclose(alone.scores(X[job.layer]), network.scores(X[job.layer]), atol=1e-3)


def test_held_out_rows_change_nothing():
    X, codes = world()
    job = jobs(codes)[0]
    before = train_networks(X, [job], SETTINGS)[0].scores(X[0])
    out = job.task.weights == 0
    spoilt, wrong = X.copy(), codes.copy()
    spoilt[:, out], wrong[out] = np.nan, 1 - codes[out]
    again = Job(
        task=Task(codes=wrong, n_classes=2, weights=job.task.weights),
        validation=job.validation,
        seed=job.seed,
    )
    assert np.array_equal(train_networks(spoilt, [again], SETTINGS)[0].scores(X[0]), before)


def test_validation_rows_shape_neither_scaler_nor_components():
    X, codes = world()
    job = jobs(codes)[0]
    fitted = job.task.trains & ~job.validation
    spoilt = X[0].copy()
    spoilt[job.validation] = 1e6
    clean = reduced_inputs(X[0], fitted, job.task.trains, 8)
    other = reduced_inputs(spoilt, fitted, job.task.trains, 8)
    assert np.array_equal(clean.basis, other.basis)
    assert np.array_equal(clean.mean, other.mean)


def test_components_are_those_of_an_exact_decomposition():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 40)) + 0.01 * rng.normal(size=(300, 40))
    rows = np.ones(300, dtype=bool)
    result = reduced_inputs(X, rows, rows, 5)
    Z = (X - X.mean(0)) / X.std(0)
    exact = np.linalg.svd(Z, full_matrices=False)[2][:5]
    mine = np.linalg.qr(result.basis)[0]
    assert np.allclose(np.linalg.svd(exact @ mine)[1], 1, atol=1e-4)


def test_an_absent_class_scores_minus_infinity():
    X, codes = world()
    scores = train_networks(X, jobs(codes, n_layers=1, n_classes=3), SETTINGS)[0].scores(X[0])
    assert scores.shape == (240, 3)
    assert np.isneginf(scores[:, 2]).all()


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_gradient_step_is_torchs_adamw(n_outputs):
    X, codes = world(layers=1)
    settings = MLPSettings(width=7, depth=2, n_components=None, batch_size=1000, learning_rate=3e-3)
    task = Task(codes=codes, n_classes=max(2, n_outputs), weights=np.linspace(0.5, 2, len(codes)))
    job = Job(task=task, validation=np.zeros(len(codes), dtype=bool))
    inputs = reduced_inputs(X[0], task.trains, task.trains, None)
    stack = NetworkStack([job], [inputs], [20, 7, 7, n_outputs], settings)
    pairs = [(w.clone(), b.clone()) for w, b in stack._views(stack.flat)]
    weights, biases = ([p[k].requires_grad_() for p in pairs] for k in (0, 1))
    theirs = torch.optim.AdamW(
        [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}], lr=3e-3
    )
    share = torch.from_numpy(task.row_weights / task.row_weights.sum()).float()
    for _ in range(3):
        stack.epoch()
        hidden = inputs.values
        for k in range(3):
            hidden = hidden @ weights[k][0] + biases[k][0, 0]
            hidden = hidden.relu() if k < 2 else hidden
        truth = torch.from_numpy(codes)
        if n_outputs == 1:
            losses = functional.binary_cross_entropy_with_logits(
                hidden[:, 0], truth.float(), reduction="none"
            )
        else:
            losses = functional.cross_entropy(hidden, truth, reduction="none")
        loss = losses @ share
        theirs.zero_grad()
        loss.backward()
        theirs.step()
    for (mine, bias), weight, other in zip(stack._views(stack.flat), weights, biases, strict=True):
        assert torch.allclose(mine, weight, atol=1e-5)
        assert torch.allclose(bias, other, atol=1e-5)


def test_networks_come_layer_by_layer_then_task_then_seed():
    X, codes = world()
    tasks = [job.task for job in jobs(codes, n_layers=1)]
    networks = fit_mlps(X, tasks, SETTINGS, [0, 1])
    assert len(networks) == 2 * 3 * 2
    for layer, task, seed in [(0, 0, 1), (1, 0, 0), (1, 2, 1)]:
        (alone,) = fit_mlps(X[layer], [tasks[task]], SETTINGS, [seed])
        result = networks[(layer * 3 + task) * 2 + seed]
        assert np.allclose(alone.scores(X[layer]), result.scores(X[layer]), atol=1e-3)


def test_huge_masked_and_held_out_rows_change_nothing():
    X, codes = world(layers=1)
    out = np.arange(len(codes)) % 3 == 0
    masked = np.arange(len(codes)) % 3 == 1
    labels = np.where(masked, -1, codes)
    task = Task(codes=labels, n_classes=2, weights=(~out).astype(float))
    (before,) = fit_mlps(X[0], [task], SETTINGS, [0])
    spoilt = X[0].copy()
    spoilt[out | masked] = 1e30
    (after,) = fit_mlps(spoilt, [task], SETTINGS, [0])
    assert np.array_equal(before.scores(X[0]), after.scores(X[0]))


def test_torchs_thread_count_is_left_as_it_was():
    X, codes = world(layers=1)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit_mlps(X, [Task(codes=codes, n_classes=2)], SETTINGS, [0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_tasks_of_another_length_are_refused():
    X, codes = world()
    with pytest.raises(ValueError, match="label each of 240 rows"):
        fit_mlps(X, [Task(codes=codes[:100], n_classes=2)], SETTINGS, [0])


def test_the_weights_kept_are_those_of_the_lowest_validation_loss():
    X, codes = world(layers=1)
    job = jobs(codes, n_layers=1)[0]
    settings = MLPSettings(width=32, max_epochs=60, n_components=8, patience=6, weight_decay=0)
    network = train_networks(X, [job], settings)[0]
    assert network.n_epochs < 60
    held_out = job.validation
    log_odds = network.scores(X[0][held_out])
    losses = np.logaddexp(0, np.where(codes[held_out] == 1, -log_odds, log_odds))
    assert losses.mean() == pytest.approx(network.validation_loss, abs=1e-4)


def test_every_seed_starts_and_shuffles_its_own_network():
    X, codes = world(layers=1)
    first = jobs(codes, n_layers=1)[0]
    other = Job(task=first.task, validation=first.validation, seed=7)
    networks = train_networks(X, [first, other], replace(SETTINGS, n_components=None))
    assert not np.allclose(networks[0].scores(X[0]), networks[1].scores(X[0]), atol=1e-2)
