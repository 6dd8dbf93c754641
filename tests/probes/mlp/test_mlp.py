import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from unsinter.probes import LogisticProbe, MLPProbe
from unsinter.probes.mlp.validation import validation_rows

WEIGHTED = "rows doubled are other rows to a random order and to the choice of validation rows"


@parametrize_with_checks(
    [MLPProbe(max_epochs=40)],
    expected_failed_checks=lambda probe: {
        "check_sample_weight_equivalence_on_dense_data": WEIGHTED,
        "check_sample_weight_equivalence_on_sparse_data": WEIGHTED,
    },
)
def test_it_keeps_the_scikit_learn_contract(estimator, check):
    check(estimator)


def xor_world(n, *, seed=0, d=12):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    X[:, :2] += 0.5 * np.sign(X[:, :2])
    return 40 * X + 300, y


def test_it_reads_an_xor_that_no_linear_probe_reads():
    X, y = xor_world(1200)
    probe = MLPProbe().fit(X[:800], y[:800])
    linear = LogisticProbe().fit(X[:800], y[:800])
    assert roc_auc_score(y[800:], probe.decision_function(X[800:])) > 0.95
    assert abs(roc_auc_score(y[800:], linear.decision_function(X[800:])) - 0.5) < 0.1


def test_it_ranks_as_well_as_scikit_learns_network():
    X, y = xor_world(900, seed=3)
    scaler = StandardScaler().fit(X[:600])
    theirs = MLPClassifier((64,), early_stopping=True, random_state=0, max_iter=200)
    theirs.fit(scaler.transform(X[:600]), y[:600])
    ours = MLPProbe().fit(X[:600], y[:600])
    expected = roc_auc_score(y[600:], theirs.predict_proba(scaler.transform(X[600:]))[:, 1])
    assert roc_auc_score(y[600:], ours.decision_function(X[600:])) > expected - 0.01


def test_exported_layers_on_raw_rows_are_the_probe():
    X, y = xor_world(200)
    y = y + (X[:, 2] > 300)
    probe = MLPProbe(depth=2, n_components=6, max_epochs=10).fit(X, y)
    hidden = X
    for weight, bias in probe.layers_[:-1]:
        hidden = np.maximum(hidden @ weight.T + bias, 0)
    logits = hidden @ probe.layers_[-1][0].T + probe.layers_[-1][1]
    assert probe.layers_[0][0].shape == (64, 12)
    assert np.abs(probe.decision_function(X) - logits).max() < 1e-4
    assert np.allclose(probe.predict_proba(X).sum(axis=1), 1)


def test_validation_rows_are_whole_groups_of_every_class():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 300)
    codes = groups % 3
    held_out = validation_rows(codes, groups, fraction=0.15, seed=1)
    assert not set(groups[held_out]) & set(groups[~held_out])
    assert set(codes[held_out]) == {0, 1, 2}
    assert 0.05 < held_out.mean() < 0.3


def test_rows_without_weight_change_nothing():
    X, y = xor_world(300)
    weights = np.r_[np.ones(200), np.zeros(100)]
    X[200:] = 1e9
    weighted = MLPProbe(max_epochs=5).fit(X, y, sample_weight=weights)
    alone = MLPProbe(max_epochs=5).fit(X[:200], y[:200])
    assert np.allclose(weighted.decision_function(X[:200]), alone.decision_function(X[:200]), atol=1e-4)


def test_nan_is_refused():
    X, y = xor_world(50)
    X[3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        MLPProbe().fit(X, y)


def test_a_binary_probe_has_one_output_row_on_raw_columns_of_unequal_size():
    X, y = xor_world(300)
    X[:, 5] *= 1000
    probe = MLPProbe(n_components=8, max_epochs=10).fit(X, y)
    (first, shift), (last, bias) = probe.layers_
    logits = np.maximum(X @ first.T + shift, 0) @ last.T + bias
    assert logits.shape == (300, 1)
    assert np.abs(probe.decision_function(X) - logits[:, 0]).max() < 1e-4
    assert np.allclose(probe.predict_proba(X)[:, 1], 1 / (1 + np.exp(-logits[:, 0])))
    # What training saw and what the folded layers compute agree, so the column's size changes nothing.
    X[:, 5] /= 1000
    small = MLPProbe(n_components=8, max_epochs=10).fit(X, y)
    assert np.allclose(small.decision_function(X), logits[:, 0], atol=1e-3)


def test_half_precision_rows_fit_as_their_double_copies():
    X, y = xor_world(300)
    half = X.astype(np.float16)
    result = MLPProbe(max_epochs=5).fit(half, y).decision_function(half)
    again = MLPProbe(max_epochs=5).fit(half.astype(np.float64), y).decision_function(half)
    assert result.dtype == np.float64
    assert np.allclose(result, again, atol=1e-6)


def test_a_seed_repeats_a_fit_and_another_differs():
    X, y = xor_world(300)
    first, same, other = (MLPProbe(max_epochs=5, seed=s).fit(X, y).decision_function(X) for s in (0, 0, 1))
    assert np.array_equal(first, same)
    assert not np.allclose(first, other)


def test_groups_decide_which_rows_validate():
    rng = np.random.default_rng(0)
    X, y = xor_world(200)
    groups = rng.permutation(np.arange(200) // 10)
    alone = MLPProbe(max_epochs=3).fit(X, y).decision_function(X)
    grouped = MLPProbe(max_epochs=3).fit(X, y, groups=groups).decision_function(X)
    assert not np.allclose(alone, grouped)
    with pytest.raises(ValueError, match="each of 200 rows"):
        MLPProbe().fit(X, y, groups=groups[:100])


def test_a_validation_fraction_of_one_is_refused():
    X, y = xor_world(50)
    with pytest.raises(ValueError, match="validation_fraction must lie between 0 and 1"):
        MLPProbe(validation_fraction=1.0).fit(X, y)


def test_a_class_without_weight_is_not_a_class():
    X, y = xor_world(200)
    weights = np.ones(200)
    y[:20], weights[:20] = 2, 0
    assert MLPProbe(max_epochs=2).fit(X, y, sample_weight=weights).classes_.tolist() == [0, 1]
