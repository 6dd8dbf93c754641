import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unsinter.studies.across_categories.analysis import across_site, plan_across
from unsinter.studies.across_categories.data import make_data
from unsinter.studies.across_categories.rule import AcrossRule

K = 4


@pytest.fixture
def detect():
    """Study harm in a world of K categories; harm has one axis, or one per category."""

    def run(*, shared, m=120, d=40, size=2.0, seed=0):
        rng = np.random.default_rng(seed)
        axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
        category = np.repeat(np.arange(K), 2 * m)
        harmful = np.tile(np.repeat([1, 0], m), K)
        X = rng.normal(size=(len(category), d)) + 5 * axes[20 + category]  # topics lie apart
        X += size * harmful[:, None] * axes[np.zeros_like(category) if shared else category]
        names = np.char.add("c", category.astype(str))
        data = make_data(harmful, categories=names, wording=[""] * len(X), groups=np.arange(len(X)))
        plan = plan_across(data, AcrossRule(n_draws=200, seed=seed))
        return X, plan, across_site(X, plan)

    return run


def test_one_axis_transfers_without_loss_and_one_global_probe_is_as_good(detect):
    _, _, result = detect(shared=True)
    outcome = result.detection
    assert outcome.own.low > 0.85
    assert outcome.normalised.low > 0.9
    assert outcome.global_gain.low > -0.03
    assert result.is_matched


def test_an_axis_per_category_does_not_transfer_and_one_global_probe_is_worse(detect):
    _, _, result = detect(shared=False, size=2.5)
    outcome = result.detection
    assert outcome.own.low > 0.85
    assert outcome.normalised.low < 0.1
    assert outcome.normalised.high < 0.3
    assert outcome.global_gain.high < -0.05
    assert result.directions.share.high < 0.3


def test_cells_are_the_aurocs_of_probes_that_never_saw_the_fold(detect):
    X, plan, result = detect(shared=False)
    contrast, folds = plan.contrast, plan.folds
    row, column = 1, 2
    outcome, shares = [], []
    for fold in range(plan.rule.n_folds):
        up, down = contrast.equal_outside(folds == fold)[row]
        train, labels = np.r_[up, down], np.r_[np.ones(len(up)), np.zeros(len(down))]
        weights = np.r_[np.full(len(up), 0.5 / len(up)), np.full(len(down), 0.5 / len(down))]
        scaler = StandardScaler().fit(X[train], sample_weight=weights)
        model = LogisticRegression(C=1 / plan.rule.penalty, tol=1e-8, max_iter=2000)
        model.fit(scaler.transform(X[train]), labels, sample_weight=weights)
        tested = [
            rows[folds[rows] == fold] for rows in (contrast.positive[column], contrast.negative[column])
        ]
        scores = [make_pipeline(scaler, model).decision_function(X[rows]) for rows in tested]
        truth = np.r_[np.ones(len(scores[0])), np.zeros(len(scores[1]))]
        outcome.append(roc_auc_score(truth, np.concatenate(scores)))
        shares.append(len(scores[0]) * len(scores[1]) / len(truth))
    expected = np.average(outcome, weights=shares)
    assert result.detection.matrix[row, column] == pytest.approx(expected, abs=0.005)


def test_global_and_own_probes_train_on_equally_many_rows(detect):
    from unsinter.studies.across_categories.detection import _training

    _, plan, _ = detect(shared=True)
    for fold in range(plan.rule.n_folds):
        cells = _training(plan.contrast, plan.folds == fold)
        assert len({len(up) for up, _ in cells}) == 1
        assert len({len(down) for _, down in cells}) == 1
        names = plan.data.categories[cells[-1][0]]
        _, counts = np.unique(names, return_counts=True)
        assert len(counts) == K
        assert counts.max() - counts.min() <= 1
        assert not (plan.folds[np.concatenate(cells[-1])] == fold).any()
        assert min(len(side) for side in cells[0]) >= 80


def test_harm_that_is_not_there_gives_no_transfer_figure(detect):
    _, _, result = detect(shared=True, size=0.0, seed=3)
    assert result.detection.own.low < 0.5 < result.detection.own.high
    usable = (np.diag(result.detection.low) > 0.5).any()
    assert usable or np.isnan(result.detection.normalised.value)


def test_rows_of_the_held_out_fold_have_no_say_in_the_scale_of_the_probe_that_reads_them(
    detect, scales_are_shared
):
    """One row of the fold is read as before all others of the fold grew."""
    from unsinter.studies.across_categories.detection import _scores, _training

    X, plan, _ = detect(shared=True)
    trainings = [_training(plan.contrast, plan.folds == fold) for fold in range(plan.rule.n_folds)]
    inside = plan.contrast.rows[plan.folds[plan.contrast.rows] == 0]
    larger = X.copy()
    larger[inside[1:]] *= np.linspace(1, 9, X.shape[1])
    before, after = (
        _scores(values, plan.contrast, trainings, plan.folds, plan.rule.penalty)[:, inside[0]]
        for values in (X, larger)
    )
    np.testing.assert_allclose(after, before, atol=0.02)
