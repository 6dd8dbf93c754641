import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unsinter.probes.metrics import auroc, group_draws, percentile_interval
from unsinter.studies.transfer import TransferRows, activation_scorer, transfer_matrix, word_scorer

CATEGORIES = ["a", "b", "c"]


def world(seed, *, shared):
    """Harm is one direction common to all categories (shared), or one of its own per category."""
    rng = np.random.default_rng(seed)
    names = np.array([*CATEGORIES, "harmless", "harmless", "harmless"])
    category = names[np.arange(1800) % 6]
    X = rng.normal(size=(1800, 12))
    axes = {"a": 0, "b": 0 if shared else 1, "c": 0 if shared else 2}
    for name, axis in axes.items():
        X[category == name, axis] += 2.5
    is_test = np.arange(1800) // 6 % 3 == 0
    rows = TransferRows(
        category=category,
        groups=np.arange(1800).astype(str),
        train=np.flatnonzero(~is_test),
        test=np.flatnonzero(is_test),
    )
    return X, rows


def matrix(X, rows):
    cells = transfer_matrix(activation_scorer(X, penalty=1e-2), rows, CATEGORIES, n_draws=200, seed=0)
    return {(cell.train_category, cell.test_category): cell for cell in cells}


def test_one_common_direction_transfers_to_every_category():
    cells = matrix(*world(0, shared=True))
    assert min(cell.auroc for cell in cells.values()) > 0.9


def test_a_direction_of_its_own_transfers_to_none():
    cells = matrix(*world(1, shared=False))
    assert min(cells[c, c].auroc for c in CATEGORIES) > 0.9
    off = [cell for (train, test), cell in cells.items() if train != test]
    assert all(cell.low < 0.55 for cell in off)


def test_a_cell_is_the_refit_and_score_of_scikit_learn():
    X, rows = world(2, shared=False)
    cells = matrix(X, rows)
    harmless = rows.train[rows.category[rows.train] == "harmless"]
    train = np.r_[rows.train[rows.category[rows.train] == "b"], harmless]
    y = rows.category[train] == "b"
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (1e-2 * len(train)))).fit(X[train], y)
    test = rows.test[np.isin(rows.category[rows.test], ["a", "harmless"])]
    expected = roc_auc_score(rows.category[test] == "a", pipeline.decision_function(X[test]))
    assert cells["b", "a"].auroc == pytest.approx(expected, abs=1e-6)


def test_every_row_of_the_matrix_trains_on_equally_many_and_meets_no_test_row():
    X, rows = world(3, shared=True)
    rare = rows.train[rows.category[rows.train] == "c"][:150]
    fewer = np.setdiff1d(rows.train, rare)
    seen = []

    def recording(train, harmful, test):
        seen.append((train, harmful, test))
        return activation_scorer(X, penalty=1e-2)(train, harmful, test)

    short = TransferRows(category=rows.category, groups=rows.groups, train=fewer, test=rows.test)
    transfer_matrix(recording, short, CATEGORIES, n_draws=100, seed=0)
    assert {int(harmful.sum()) for _, harmful, _ in seen} == {50}
    assert all(np.intersect1d(train, test).size == 0 for train, _, test in seen)


def test_the_word_scorer_reads_nothing_of_the_test_labels():
    texts = ["steal the car", "wash the car", "steal the bike", "wash the bike"] * 10
    train, test = np.arange(30), np.arange(30, 40)
    harmful = np.array(["steal" in texts[i] for i in train])
    scores = word_scorer(texts)(train, harmful, test)
    assert roc_auc_score(["steal" in texts[i] for i in test], scores) == 1.0


def test_the_interval_of_a_cell_draws_the_groups_of_its_own_rows():
    X, rows = world(4, shared=False)
    groups = np.where(rows.category == "b", "b" + (np.arange(1800) // 60).astype(str), rows.groups)
    rows = TransferRows(category=rows.category, groups=groups, train=rows.train, test=rows.test)
    harmless = rows.train[rows.category[rows.train] == "harmless"]
    train = np.r_[rows.train[rows.category[rows.train] == "b"], harmless]
    scores = activation_scorer(X, penalty=1e-2)(train, rows.category[train] == "b", rows.test)
    draws = group_draws(rows.groups[rows.test], n_draws=200, seed=0)
    part = np.isin(rows.category[rows.test], ["b", "harmless"])
    positive = rows.category[rows.test][part] == "b"
    expected = percentile_interval(auroc(scores[part], positive, weights=draws[:, part]))
    cell = matrix(X, rows)["b", "b"]
    assert (cell.low, cell.high) == pytest.approx(expected, abs=1e-9)


def test_the_matrices_of_a_study_never_train_on_a_held_out_row(monkeypatch, few_prompts):
    from pathlib import Path

    from unsinter.features.records import PromptRecord
    from unsinter.studies import transfer
    from unsinter.studies.config import parse_study
    from unsinter.studies.dataset import make_dataset
    from unsinter.studies.sweep import SiteFit

    table = {"name": "x", "models": [{"name": "m", "path": "p"}], "prompts": {}, "min_groups": 10}
    study = parse_study(table, origin=Path("x.yaml"))
    dataset = make_dataset([PromptRecord.model_validate(record) for record in few_prompts], study)
    seen = []
    real = transfer.activation_scorer

    def recording(X, *, penalty):
        scorer = real(X, penalty=penalty)
        return lambda train, harmful, test: seen.append((train, test)) or scorer(train, harmful, test)

    monkeypatch.setattr(transfer, "activation_scorer", recording)
    X = np.random.default_rng(0).normal(size=(len(dataset.prompts), 4))
    fit = SiteFit(
        site=(0, "template_end"), penalty=0.1, inner_score=0.5, probe=None, scores=X[:, 0], control_score=0.5,
        converged=True,
    )  # fmt: skip
    transfer.study_transfer("m", dataset, X, fit, study, present=np.arange(len(dataset.prompts)))
    assert len(seen) == 8
    for train, test in seen:
        assert not dataset.is_test[train].any()
        assert dataset.is_test[test].all()
