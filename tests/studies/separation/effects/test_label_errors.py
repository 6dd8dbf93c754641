"""Expected true labels against simulation, and the effects that regression on them recovers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.studies.separation.effects.label_errors import expected_labels

binary = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=8, max_size=60)


def observed_of(truth, error_0, error_1, rng):
    """Labels of which a share of the true 0 and of the true 1 is flipped."""
    return np.where(rng.random(len(truth)) < np.where(truth == 1, error_1, error_0), 1 - truth, truth)


def rates(truth, observed):
    """How often an observed 0, and an observed 1, is the true label."""
    return tuple(float((truth[observed == code] == code).mean()) for code in (0, 1))


@settings(max_examples=50, deadline=None)
@given(binary)
def test_labels_that_are_taken_as_they_are_stay_as_they_are(rows):
    z, w = np.array(rows).T
    for sure in (None, (1.0, 1.0)):
        if len(set(z)) == len(set(w)) == 2:
            result = expected_labels(z, w, sure, sure)
            np.testing.assert_allclose(result, [z, w], atol=1e-12)
        else:
            np.testing.assert_allclose(expected_labels(z, w, None, None), [z, w], atol=1e-12)


@pytest.mark.parametrize("phi", [0.0, 0.6, -0.4])
@pytest.mark.parametrize(
    ("errors_z", "errors_w"),
    [((0.1, 0.1), (0.2, 0.05)), ((0.0, 0.0), (0.15, 0.15)), ((0.05, 0.3), (0.0, 0.0))],
)
def test_expectations_are_those_of_a_simulation(labels, phi, errors_z, errors_w):
    """The share of the true 1 in each observed cell, counted in half a million rows."""
    rng = np.random.default_rng(0)
    z, w = labels(500_000, phi, rng)
    seen_z, seen_w = observed_of(z, *errors_z, rng), observed_of(w, *errors_w, rng)
    first, second = expected_labels(seen_z, seen_w, rates(z, seen_z), rates(w, seen_w))
    for a in (0, 1):
        for b in (0, 1):
            cell = (seen_z == a) & (seen_w == b)
            assert first[cell].std() < 1e-12
            assert first[cell][0] == pytest.approx(z[cell].mean(), abs=0.01)
            assert second[cell][0] == pytest.approx(w[cell].mean(), abs=0.01)


def slopes(columns, x):
    H = np.column_stack([*columns, np.ones(len(x))])
    return np.linalg.lstsq(H, x, rcond=None)[0][:2]


def test_regression_on_expected_labels_has_the_effects_of_the_true_ones(labels):
    """x = 2 z + 0 w + e with w an imperfect reading: on the labels as they are, w gets an effect."""
    rng = np.random.default_rng(1)
    z, w = labels(400_000, 0.6, rng)
    x = 2.0 * z + rng.normal(size=len(z))
    seen_z, seen_w = observed_of(z, 0.2, 0.1, rng), observed_of(w, 0.1, 0.1, rng)
    naive = slopes((seen_z, seen_w), x)
    known = slopes(expected_labels(seen_z, seen_w, rates(z, seen_z), rates(w, seen_w)), x)
    assert naive[0] < 1.6
    assert naive[1] > 0.15
    np.testing.assert_allclose(known, [2.0, 0.0], atol=0.03)


def test_a_recoded_label_has_the_recoded_expectation(labels):
    rng = np.random.default_rng(2)
    z, w = labels(2000, 0.3, rng)
    first, second = expected_labels(z, w, (0.9, 0.8), (0.85, 0.95))
    turned, same = expected_labels(1 - z, w, (0.8, 0.9), (0.85, 0.95))
    np.testing.assert_allclose(turned, 1 - first, atol=1e-12)
    np.testing.assert_allclose(same, second, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(binary, st.tuples(*[st.floats(0.6, 1.0)] * 4))
def test_expectations_are_probabilities(rows, sure):
    z, w = np.array([*rows, (0, 0), (0, 1), (1, 0), (1, 1)]).T
    result = np.stack(expected_labels(z, w, sure[:2], sure[2:]))
    assert np.isfinite(result).all()
    assert (result >= 0).all()
    assert (result <= 1 + 1e-12).all()
