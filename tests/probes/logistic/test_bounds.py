"""What a fit is certified to: the bounds hold, and a scale that costs too much is not shared."""

import numpy as np
import pytest
import torch

from unsinter.probes import GridSolver, Task
from unsinter.probes.logistic import routes, shared_scale
from unsinter.probes.logistic.log_loss import Block, LogLoss
from unsinter.probes.logistic.point import Point
from unsinter.probes.logistic.spaces import RowSpace
from unsinter.probes.logistic.stopping import gap_bound

PENALTIES = (100.0, 1.0, 1e-2, 1e-3)


def world(n=120, d=160, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.r_[np.arange(classes), rng.integers(0, classes, size=n - classes)]
    return rng.normal(size=(n, d)) + 0.4 * rng.normal(size=(classes, d))[codes], codes


def folds_of(codes, classes, n_folds=4):
    folds = np.arange(len(codes)) % n_folds
    return [
        Task(codes=codes, n_classes=classes, weights=(folds != fold).astype(float)) for fold in range(n_folds)
    ]


def least(X, task):
    """Objectives solved to the end, alone and in the task's own scale."""
    (fit,) = GridSolver(X, dtype="float64").fit([task], PENALTIES, tolerance=1e-10, max_iter=3000)
    return fit.objective


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_no_fit_is_farther_from_the_least_objective_than_its_certificate(space, classes, seed):
    X, codes = world(classes=classes, seed=seed)
    tasks = folds_of(codes, classes)
    for task, fit in zip(tasks, GridSolver(X).fit(tasks, PENALTIES, tolerance=1e-2), strict=True):
        above = fit.objective / least(X, task) - 1
        assert (above <= fit.certificate + 1e-6).all()
        assert (fit.certificate[:3] <= 0.04).all()
        assert fit.converged.all()


@pytest.mark.parametrize("columns", [1, 3])
def test_intercepts_off_their_best_are_in_the_bound_at_strong_penalties(columns):
    """|slope|^2 / (2 penalty) is no bound where the penalty is above the loss's curvature."""
    X, codes = world(60, 20, max(columns, 2))
    X = torch.as_tensor(X - X.mean(axis=0)) / 100
    codes = torch.as_tensor(codes)[None]
    losses = LogLoss([Block.of(columns, codes, torch.full((1, 60), 1 / 60, dtype=torch.float64))])
    space = RowSpace(X @ X.T, n_directions=20)
    shares = torch.bincount(codes[0]).double().log()
    best = shares[1:] - shares[:1] if columns == 1 else shares - shares.mean()
    shift = torch.linspace(0.02, 0.1, columns, dtype=torch.float64)
    point = Point.start(losses, space, best + shift)
    optimum = Point.start(losses, space, best)
    gradient = point.gradient @ X
    square, trace = gradient.square().sum()[None], X.square().mean(dim=0).sum()[None]
    for penalty in (100.0, 1000.0):
        bound = gap_bound(point, square, penalty=penalty, trace=trace)
        slopes = point.gradient.sum(dim=1).square().sum()
        true_gap = point.loss - optimum.loss  # of the intercepts alone; the weights gain more
        assert (bound >= true_gap).all()
        assert (slopes + square) / (2 * penalty) < true_gap


def test_a_scale_is_shared_by_folds_alike_and_its_cost_is_bounded(rows_only):
    X, codes = world(n=600, d=40, classes=2)
    tasks = folds_of(codes, 2)
    fits = GridSolver(X).fit(tasks, PENALTIES, tolerance=3e-3)
    assert len({id(fit._solution.frame) for fit in fits}) == 1
    for task, fit in zip(tasks, fits, strict=True):
        solution = fit._solution
        assert (solution.excess > 0).all()
        assert (solution.excess <= solution.quick_excess * (1 + 1e-4)).all()
        assert (fit.objective <= least(X, task) * (1 + fit.certificate + 1e-6)).all()


def test_tasks_that_may_share_no_scale_are_each_solved_in_their_own(rows_only):
    X, codes = world(n=600, d=40, classes=2)
    tasks = folds_of(codes, 2)
    fits = GridSolver(X).fit(tasks, PENALTIES, tolerance=3e-3, shares_scale=False)
    assert len({id(fit._solution.frame) for fit in fits}) == len(tasks)
    for task, fit in zip(tasks, fits, strict=True):
        (alone,) = GridSolver(X).fit([task], PENALTIES, tolerance=3e-3)
        assert (fit._solution.excess == 0).all()
        np.testing.assert_allclose(fit.objective, alone.objective, rtol=1e-5)


def unlike():
    X, codes = world()
    X[:30, 5:40] *= 30  # columns whose deviations differ between folds
    folds = np.arange(120) // 30
    return X, [Task(codes=codes, n_classes=3, weights=(folds != fold).astype(float)) for fold in range(4)]


def test_folds_unlike_in_scale_are_each_solved_in_their_own(rows_only):
    X, tasks = unlike()
    fits = GridSolver(X).fit(tasks, PENALTIES, tolerance=1e-3)
    assert len({id(fit._solution.frame) for fit in fits}) == 4
    for task, fit in zip(tasks, fits, strict=True):
        assert (fit.objective <= least(X, task) * 1.01).all()
        assert (fit._solution.excess == 0).all()


def test_a_try_that_looked_hopeful_is_made_anew_where_the_scale_costs_too_much(rows_only, monkeypatch):
    X, tasks = unlike()
    monkeypatch.setattr(routes, "is_hopeless", lambda cost, **_: np.zeros(len(cost), dtype=bool))
    fits = GridSolver(X).fit(tasks, PENALTIES, tolerance=1e-3)
    for task, fit in zip(tasks, fits, strict=True):
        assert (fit.objective <= least(X, task) * 1.01).all()
    monkeypatch.setattr(routes.Solution, "is_scale_good", lambda *_: True)
    careless = GridSolver(X).fit(tasks, PENALTIES, tolerance=1e-3)
    worst = max((fit.objective / least(X, task)).max() for task, fit in zip(tasks, careless, strict=True))
    assert worst > 1.01
    assert max(fit.certificate.max() for fit in careless) > worst - 1


def test_rows_that_train_no_task_change_no_bit_of_what_the_others_share(rows_only):
    X, codes = world(n=300, d=80, classes=2)
    outer = np.arange(300) % 5 == 0
    tasks = [
        Task(codes=codes, n_classes=2, weights=(~outer & (np.arange(300) % 4 != fold)).astype(float))
        for fold in range(4)
    ]
    changed = X.copy()
    changed[outer] = 1e4 * np.random.default_rng(0).normal(size=X.shape)[outer]
    before, after = (GridSolver(data).fit(tasks, PENALTIES, tolerance=1e-2) for data in (X, changed))
    assert len({id(fit._solution.frame) for fit in before}) == 1
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(other.scores[:, ~outer], one.scores[:, ~outer])
        np.testing.assert_array_equal(other.weights(1)[0], one.weights(1)[0])
        np.testing.assert_array_equal(other.certificate, one.certificate)


def test_the_cost_of_a_scale_is_that_of_its_formula():
    own, shared = np.array([[1.0, 2.0, np.inf, np.inf]]), np.array([1.0, 1.0, np.inf, 1.0])
    np.testing.assert_allclose(shared_scale.costs(own, shared), [[0.0, 9 / 4, 0.0, np.inf]])
    np.testing.assert_allclose(
        shared_scale.shared_deviation(np.array([[1.0, np.inf], [3.0, np.inf]])), [np.sqrt(5), np.inf]
    )


@pytest.mark.parametrize("columns", [1, 4])
@pytest.mark.parametrize("size", [1.0, 50.0, 1000.0])
def test_losses_and_their_derivatives_are_those_of_autograd_however_large_the_logits(columns, size):
    rng = np.random.default_rng(0)
    n = 30
    codes = torch.as_tensor(rng.integers(0, max(columns, 2), size=(2, n)))
    weights = torch.as_tensor(rng.uniform(0.1, 1, size=(2, n)))
    weights /= weights.sum(dim=1, keepdim=True)
    losses = LogLoss([Block.of(columns, codes, weights)])
    Z = torch.as_tensor(size * rng.normal(size=(2 * columns, n))).requires_grad_()
    logits = Z.view(2, columns, n)
    full = torch.cat([torch.zeros_like(logits), logits], dim=1) if columns == 1 else logits
    logs = torch.log_softmax(full, dim=1).gather(1, codes[:, None])[:, 0]
    expected = -(weights * logs).sum(dim=1)
    (slopes,) = torch.autograd.grad(expected.sum(), Z, create_graph=True)
    G = torch.empty_like(Z, requires_grad=False)
    value = losses.value_and_gradient(Z.detach(), G)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(G, slopes.detach(), atol=1e-14, rtol=1e-9)
    if size == 1.0:
        D = [torch.as_tensor(rng.normal(size=Z.shape)) for _ in range(2)]
        H = losses.hessian(G, D)
        for i, one in enumerate(D):
            (along,) = torch.autograd.grad((slopes * one).sum(), Z, retain_graph=True)
            for j, other in enumerate(D):
                by_fit = (along * other).sum(dim=1).view(2, columns).sum(dim=1)
                torch.testing.assert_close(H[:, i, j], by_fit, rtol=1e-6, atol=1e-12)


def test_every_attribute_of_a_fit_has_one_entry_per_penalty():
    X, codes = world(40, 10, 2)
    (fit,) = GridSolver(X).fit([Task(codes=codes, n_classes=2)], [0.1, 1.0])
    for name in ("penalties", "objective", "n_iter", "converged", "certificate"):
        assert getattr(fit, name).shape == (2,)
    assert fit.scores.shape == (2, 40)
