"""The batched solver against scikit-learn, fit by fit, over shapes that break careless solvers."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from unsinter.probes import GridSolver, Task

PENALTIES = (1e-4, 1e-2, 1.0, 100.0)


def world(n, d, classes, *, seed=0, strength=1.0):
    """Correlated columns, one 1000 times larger than the rest, one constant, one far from zero."""
    rng = np.random.default_rng(seed)
    codes = np.r_[np.arange(classes), rng.integers(0, classes, size=n - classes)]
    mixing = rng.normal(size=(d, d)) * np.arange(1, d + 1) ** -0.5
    X = (rng.normal(size=(n, d)) + strength * rng.normal(size=(classes, d))[codes]) @ mixing.T
    X[:, 0] *= 1000
    if d > 2:
        X[:, 1] = 5.0
        X[:, 2] += 300
    return X, codes


def objective(X, task, coef, intercept, penalty):
    """The documented objective, in float64, from raw weights alone."""
    rows, weights = task.trains, task.row_weights[task.trains]
    scale = np.sqrt(
        np.average((X[rows] - np.average(X[rows], axis=0, weights=weights)) ** 2, axis=0, weights=weights)
    )
    logits = X[rows] @ coef.T + intercept
    if len(coef) == 1:
        logits = np.column_stack([np.zeros(len(logits)), logits[:, 0]])
    with np.errstate(divide="ignore"):
        logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    loss = -np.average(logs[np.arange(rows.sum()), np.asarray(task.codes)[rows]], weights=weights)
    return loss + penalty / 2 * ((coef * scale) ** 2).sum()


def scikit_learn(X, task, penalty, *, tol=1e-4):
    """A pipeline's weights on raw activations, at scikit-learn's own tolerance unless another is given."""
    rows, weights = task.trains, task.row_weights[task.trains]
    with np.errstate(invalid="ignore"):
        scaler = StandardScaler().fit(X[rows], sample_weight=weights)
    model = LogisticRegression(C=1 / (penalty * weights.sum()), tol=tol, max_iter=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(scaler.transform(X[rows]), np.asarray(task.codes)[rows], sample_weight=weights)
    coef = model.coef_ / scaler.scale_
    return coef, model.intercept_ - coef @ scaler.mean_


def auc(scores, codes):
    if scores.ndim == 1:
        return roc_auc_score(codes, scores)
    return np.mean([roc_auc_score(codes == k, scores[:, k]) for k in np.unique(codes)])


SHAPES = {
    "n < d": (120, 300, 2, 1.0),
    "n < d, many classes": (150, 200, 6, 1.0),
    "n > d": (500, 20, 2, 0.3),
    "n > d, 12 classes": (600, 15, 12, 0.6),
    "separable": (200, 30, 3, 8.0),
    "one column": (100, 1, 2, 1.0),
    "above the exact preconditioner": (90, 700, 3, 1.0),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_objective_and_held_out_auroc_are_scikit_learns(name, weighted):
    n, d, classes, strength = SHAPES[name]
    X, codes = world(2 * n, d, classes, strength=strength)
    rng = np.random.default_rng(1)
    weights = (np.arange(2 * n) % 2 == 0) * (rng.uniform(0.2, 5, size=2 * n) if weighted else 1.0)
    weights[:classes] = 1.0
    codes[rng.random(2 * n) < 0.1] = -1
    codes[:classes] = np.arange(classes)
    task = Task(codes=codes, n_classes=classes, weights=weights)
    (fit,) = GridSolver(X).fit([task], PENALTIES)
    unseen = (weights == 0) & (codes >= 0)
    for index, penalty in enumerate(PENALTIES):
        coef, intercept = scikit_learn(X, task, penalty, tol=1e-8)
        best = objective(X, task, coef, intercept, penalty)
        ours = objective(X, task, *fit.weights(index), penalty)
        # Of separable classes at the weakest penalty scikit-learn's own tolerance ends far above the least.
        assert ours <= best * (1.01 if penalty == PENALTIES[0] else 1.001)
        assert ours <= objective(X, task, *scikit_learn(X, task, penalty), penalty) * 1.001
        assert fit.objective[index] == pytest.approx(ours, rel=1e-3, abs=1e-7)
        theirs = X[unseen] @ coef.T + intercept
        theirs = theirs[:, 0] if classes == 2 else theirs
        assert abs(auc(fit.scores[index][unseen], codes[unseen]) - auc(theirs, codes[unseen])) <= 0.002
    assert fit.converged[1:].all()


def test_a_class_with_three_rows_is_fitted_as_scikit_learn_fits_it():
    X, codes = world(300, 40, 3)
    codes[np.flatnonzero(codes == 2)[3:]] = 0
    task = Task(codes=codes, n_classes=3)
    (fit,) = GridSolver(X).fit([task], [1e-2])
    expected = objective(X, task, *scikit_learn(X, task, 1e-2), 1e-2)
    assert objective(X, task, *fit.weights(0), 1e-2) <= expected * 1.001


def test_what_a_fold_holds_out_or_masks_changes_none_of_its_weights():
    """A scaler, a preconditioner or a loss that saw held-out rows would move with them."""
    X, codes = world(200, 30, 3)
    held_out, masked = np.arange(200) % 4 == 1, np.arange(200) % 4 == 2
    codes = np.where(masked, -1, codes)
    task = Task(codes=codes, n_classes=3, weights=(~held_out).astype(float))
    changed = X.copy()
    changed[held_out | masked] = 1e6 * np.random.default_rng(0).normal(size=X.shape)[held_out | masked]
    before, after = (GridSolver(data).fit([task], PENALTIES)[0] for data in (X, changed))
    for index in range(len(PENALTIES)):
        np.testing.assert_allclose(after.weights(index)[0], before.weights(index)[0], rtol=1e-5, atol=1e-12)


def test_each_fold_has_a_scaler_of_its_own():
    """One fold alone and the same fold beside others: to the tolerance, one set of weights."""
    X, codes = world(240, 30, 2)
    X[:40, 5] *= 100  # a column whose deviation differs between folds
    folds = np.arange(240) // 40
    tasks = [Task(codes=codes, n_classes=2, weights=(folds != f).astype(float)) for f in range(6)]
    together = GridSolver(X).fit(tasks, PENALTIES)
    for task, fit in zip(tasks, together, strict=True):
        for index, penalty in enumerate(PENALTIES):
            expected = objective(X, task, *scikit_learn(X, task, penalty), penalty)
            assert objective(X, task, *fit.weights(index), penalty) <= expected * 1.001


def test_tasks_of_different_classes_come_back_in_the_order_asked():
    X, codes = world(200, 12, 4)
    tasks = [
        Task(codes=codes, n_classes=4),
        Task(codes=codes % 2, n_classes=2),
        Task(codes=codes, n_classes=4),
    ]
    one, two, three = GridSolver(X).fit(tasks, [1.0, 1e-2])
    assert one.scores.shape == (2, 200, 4)
    assert two.scores.shape == (2, 200)
    np.testing.assert_allclose(one.scores, three.scores, atol=1e-3)
    assert one.objective[0] > one.objective[1]
    assert one.penalties.tolist() == [1.0, 1e-2]


def test_a_class_without_training_rows_is_never_predicted():
    X, codes = world(120, 8, 3)
    task = Task(codes=codes, n_classes=3, weights=(codes != 1).astype(float))
    (fit,) = GridSolver(X).fit([task], [1e-2])
    coef, intercept = fit.weights(0)
    assert np.isneginf(fit.scores[0][:, 1]).all()
    assert np.isneginf(intercept[1])
    assert (coef[1] == 0).all()
    assert np.isfinite(fit.scores[0][:, [0, 2]]).all()


@given(
    seed=st.integers(0, 1000),
    n=st.integers(8, 60),
    d=st.integers(1, 80),
    classes=st.integers(2, 5),
    penalty=st.sampled_from([1e-3, 1e-1, 10.0]),
)
@settings(max_examples=30, deadline=None)
def test_scores_are_those_of_the_weights_on_raw_activations(seed, n, d, classes, penalty):
    X, codes = world(n, d, classes, seed=seed)
    (fit,) = GridSolver(X, dtype="float64").fit([Task(codes=codes, n_classes=classes)], [penalty])
    coef, intercept = fit.weights(0)
    expected = X @ coef.T + intercept
    np.testing.assert_allclose(fit.scores[0], expected[:, 0] if classes == 2 else expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_activations_are_solved_in_single_precision(dtype):
    X, codes = world(100, 6, 2)
    X[:, 0] /= 1000
    X = torch.as_tensor(X[:, [0, 3, 4, 5]]).to(dtype)
    task = Task(codes=codes, n_classes=2)
    (fit,) = GridSolver(X).fit([task], [1e-2])
    (expected,) = GridSolver(X.double().numpy()).fit([task], [1e-2])
    np.testing.assert_allclose(fit.scores, expected.scores, rtol=1e-2, atol=1e-3)


def test_columns_in_their_own_units_are_left_so_where_asked():
    X, codes = world(150, 5, 2)
    X[:, 0] /= 1000
    (fit,) = GridSolver(X, standardize=False, dtype="float64").fit([Task(codes=codes, n_classes=2)], [1e-2])
    model = LogisticRegression(C=1 / (1e-2 * 150), tol=1e-10, max_iter=10_000).fit(X, codes)
    np.testing.assert_allclose(fit.scores[0], model.decision_function(X), atol=0.02)


def test_a_fit_that_was_stopped_says_so():
    X, codes = world(200, 40, 2)
    (fit,) = GridSolver(X).fit([Task(codes=codes, n_classes=2)], [1e-4], max_iter=1)
    assert not fit.converged.any()
    assert fit.n_iter[0] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.ones(4)}, r"X must be \(n_examples, d_model\), got shape \(4,\)"),
        ({"X": np.full((4, 2), np.nan)}, "NaN or inf"),
        ({"penalties": [0.1, 0.0]}, "penalties must be above zero"),
        ({"codes": np.array([0, 1])}, "a task has 2 rows, X has 4"),
        ({"codes": np.array([0, 0, 0, -1])}, "two classes with training rows"),
        ({"codes": np.array([0, 1, 2, 5])}, "codes must be"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    arguments = {"X": np.eye(4, 2), "penalties": [0.1], "codes": np.array([0, 1, 0, 1])} | change
    with pytest.raises(ValueError, match=message):
        fit(**arguments)


def fit(X, penalties, codes):
    return GridSolver(X).fit([Task(codes=codes, n_classes=3 if max(codes) > 1 else 2)], penalties)
