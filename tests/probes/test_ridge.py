import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from unsinter.probes import RidgeProbe


def world(seed=0, *, n=200, d=6, classes=2):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, size=n)
    X = rng.normal(size=(n, d)) * np.array([1000, 1, 1, 1, 0.01, 1])[:d] + 3
    X[:, 1] += y
    X[:, 2] = 5
    return X, y


@pytest.mark.parametrize("classes", [2, 4])
def test_scores_are_those_of_least_squares_on_plus_and_minus_one(classes):
    X, y = world(classes=classes)
    Z = StandardScaler().fit_transform(X)
    signs = np.where(np.eye(classes, dtype=bool)[y], 1.0, -1.0)
    wanted = signs[:, 1] if classes == 2 else signs
    expected = Ridge(alpha=0.3 * len(y), solver="svd").fit(Z, wanted).predict(Z)
    np.testing.assert_allclose(RidgeProbe(penalty=0.3).fit(X, y).decision_function(X), expected, atol=1e-8)


def test_the_penalty_means_the_same_when_every_row_is_repeated():
    X, y = world()
    once = RidgeProbe(penalty=0.2).fit(X, y)
    thrice = RidgeProbe(penalty=0.2).fit(np.tile(X, (3, 1)), np.tile(y, 3))
    np.testing.assert_allclose(once.coef_, thrice.coef_, rtol=1e-8)


def test_rows_of_weight_zero_count_as_absent():
    X, y = world()
    weights = (np.arange(len(y)) % 3 > 0).astype(float)
    X_changed = X.copy()
    X_changed[weights == 0] = 1e6
    some = RidgeProbe().fit(X[weights > 0], y[weights > 0])
    np.testing.assert_allclose(RidgeProbe().fit(X_changed, y, sample_weight=weights).coef_, some.coef_)


def test_bad_input_is_refused_in_a_sentence():
    X, y = world()
    with pytest.raises(ValueError, match="penalty must be above zero"):
        RidgeProbe(penalty=-1).fit(X, y)
    with pytest.raises(ValueError, match="one class only"):
        RidgeProbe().fit(X, np.zeros(len(y)))


@parametrize_with_checks([RidgeProbe()])
def test_keeps_the_estimator_contract(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("error")
def test_a_unit_that_never_varies_has_no_weight_and_raises_no_warning_where_rows_are_weighted():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(300, 2)), np.tile(rng.normal(size=16), (300, 1))])
    probe = RidgeProbe().fit(X, X[:, 0] > 0, sample_weight=np.where(rng.random(300) < 0.2, 2.3, 0.7))
    assert np.isfinite(probe.coef_).all()
    assert np.abs(probe.coef_[:, 2:]).max() < 1e-9 < np.abs(probe.coef_[:, 0]).max()
