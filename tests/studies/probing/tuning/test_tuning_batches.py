import numpy as np

from unsinter.probes import MLPProbe, Task
from unsinter.probes.families.registry import MLP
from unsinter.studies.probing.tuning import trial
from unsinter.studies.probing.tuning.space import Candidate
from unsinter.studies.probing.tuning.trial import fit_candidate


def test_networks_of_a_batch_are_those_of_a_probe_fitted_alone_on_the_rows_that_train():
    """The last task trains on two of the three classes, as a first prefix of a code may."""
    rng = np.random.default_rng(0)
    n, network = 150, {"width": 6, "depth": 1, "max_epochs": 12}
    X, groups = rng.normal(size=(n, 8)).astype(np.float32), rng.integers(0, 70, n).astype(str)
    codes = np.digitize(X[:, 0], [-0.5, 0.5])
    masks = [np.ones(n), rng.integers(0, 3, n).astype(float), (codes != 1).astype(float)]
    tasks = [Task(codes=codes, n_classes=3, weights=mask) for mask in masks]
    candidate = Candidate(family=MLP, site=(0, "template_end"), reduction=0, choices=network)
    conditions = candidate.conditions(groups=groups, seed=2)
    fitted = fit_candidate(X, candidate, tasks=tasks, penalties=[1.0], conditions=conditions)
    for task, fit in zip(tasks, fitted, strict=True):
        rows = task.trains
        alone = MLPProbe(**network, n_components=None, seed=2).fit(
            X[rows], codes[rows], sample_weight=task.row_weights[rows], groups=groups[rows]
        )
        assert fit.scores.shape == (1, n, 3)
        odds = np.exp(fit.scores[0] - fit.scores[0].max(axis=1, keepdims=True))
        expected = np.zeros((n, 3))
        expected[:, alone.classes_] = alone.predict_proba(X)
        np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), expected, atol=1e-5)


def test_a_site_that_is_the_same_in_every_row_has_components_of_zero_and_no_warning():
    X = np.full((40, 8), 0.1, dtype=np.float32)
    assert not trial._Reduction(X, 3, seed=0).apply(X).any()
