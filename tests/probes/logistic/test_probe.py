import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

from unsinter.probes import LogisticProbe


@pytest.fixture(scope="module")
def badly_scaled():
    """600 rows, 3 classes, one column 1000 times larger than the rest and one constant column."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=600)
    X = rng.normal(size=(600, 12)) + 0.7 * np.eye(3)[y] @ rng.normal(size=(3, 12))
    X[:, 0] *= 1000
    X[:, 1] = 5.0
    return X, np.array(["fraud", "theft", "privacy"])[y]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("penalty", [1e-3, 1e-1])
def test_folded_weights_give_the_probabilities_of_a_scikit_learn_pipeline(badly_scaled, n_classes, penalty):
    X, y = badly_scaled
    rows = np.isin(y, np.unique(y)[:n_classes])
    X, y = X[rows], y[rows]
    pipeline = make_pipeline(
        StandardScaler(), LogisticRegression(C=1 / (penalty * len(y)), tol=1e-12, solver="newton-cholesky")
    )
    expected = pipeline.fit(X, y).predict_proba(X)
    probe = LogisticProbe(penalty=penalty).fit(X, y)
    np.testing.assert_allclose(probe.predict_proba(X), expected, atol=1e-5)
    np.testing.assert_array_equal(probe.predict(X), pipeline.predict(X))


def test_the_penalty_means_the_same_when_every_row_is_repeated(badly_scaled):
    X, y = badly_scaled
    once = LogisticProbe(penalty=0.05).fit(X, y)
    thrice = LogisticProbe(penalty=0.05).fit(np.tile(X, (3, 1)), np.tile(y, 3))
    np.testing.assert_allclose(once.predict_proba(X), thrice.predict_proba(X), atol=1e-3)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="one class only"):
        LogisticProbe().fit(np.ones((4, 2)), np.zeros(4))


def test_a_penalty_of_zero_is_refused():
    with pytest.raises(ValueError, match="penalty must be above zero, got 0"):
        LogisticProbe(penalty=0).fit(np.eye(4), np.array([0, 1, 0, 1]))


def test_sample_weights_count_rows(badly_scaled):
    X, y = badly_scaled
    weights = np.arange(len(y)) % 3
    repeated = LogisticProbe(penalty=0.05).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    weighted = LogisticProbe(penalty=0.05).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-5)


def test_balanced_classes_are_scikit_learns(badly_scaled):
    X, y = badly_scaled
    keep = (y != "fraud") | (np.arange(len(y)) % 4 == 0)
    X, y = StandardScaler().fit_transform(X[keep]), y[keep]
    weights = compute_sample_weight("balanced", y)
    scaled = StandardScaler().fit(X, sample_weight=weights)
    model = LogisticRegression(C=1 / (0.1 * len(y)), tol=1e-12, solver="newton-cholesky")
    expected = model.fit(scaled.transform(X), y, sample_weight=weights).predict_proba(scaled.transform(X))
    result = LogisticProbe(penalty=0.1, class_weight="balanced").fit(X, y).predict_proba(X)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_a_fit_that_did_not_converge_warns(badly_scaled):
    with pytest.warns(ConvergenceWarning, match="stopped after 1 iterations"):
        LogisticProbe(penalty=1e-4, max_iter=1).fit(*badly_scaled)


@parametrize_with_checks(
    [LogisticProbe()],
    # The check wants equality to 1e-7, relative; the solver ends near 1e-5 of it, tested above.
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "weights and repeats agree to 1e-5, not to 1e-7"
    },
)
def test_keeps_the_estimator_contract(estimator, check):
    check(estimator)
