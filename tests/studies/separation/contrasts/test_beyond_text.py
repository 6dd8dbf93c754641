import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from unsinter.studies.separation.contrasts.beyond_text import bits_beyond


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    n = 3000
    truth = rng.integers(0, 2, n)
    text, scores = truth + rng.normal(size=n), truth + rng.normal(size=(2, n))
    scores[1] = rng.normal(size=n)
    other = rng.integers(0, 2, n)
    return np.column_stack([text, other]), scores, truth, np.arange(n) % 5


def test_bits_are_those_of_two_logistic_fits_on_the_other_folds(world):
    known, scores, truth, folds = world
    bits = bits_beyond(known, scores, truth, folds)
    known, scores = (known - known.mean(0)) / known.std(0), scores / scores.std(axis=1, keepdims=True)
    expected = np.empty(len(truth))
    for fold in range(5):
        train, test = folds != fold, folds == fold
        gained = []
        for X in (np.column_stack([known, scores[0]]), known):
            fit = LogisticRegression(C=1 / (1e-4 * train.sum()), tol=1e-10).fit(X[train], truth[train])
            gained.append(fit.predict_log_proba(X[test])[np.arange(test.sum()), truth[test]])
        expected[test] = (gained[0] - gained[1]) / np.log(2)
    np.testing.assert_allclose(bits[0], expected, atol=2e-4)


def test_a_second_look_adds_the_bits_of_theory_and_noise_adds_none(world):
    known, scores, truth, folds = world
    bits = bits_beyond(known, scores, truth, folds).mean(axis=1)
    # Two independent unit-variance looks at a bit a unit apart, against one: numeric integration gives .112.
    grid = np.linspace(-8, 9, 4001)

    def entropy(shift):
        up, down = np.exp(-((grid - shift) ** 2) / 2), np.exp(-(grid**2) / 2)
        p = up / (up + down)
        density = (up + down) / 2 / np.sqrt(2 * np.pi)
        h = -(p * np.log2(np.maximum(p, 1e-300)) + (1 - p) * np.log2(np.maximum(1 - p, 1e-300)))
        return float((density * h).sum() * (grid[1] - grid[0]))

    assert bits[0] == pytest.approx(entropy(1.0) - entropy(np.sqrt(2)), abs=0.02)
    assert -0.005 < bits[1] < 0.002


def test_a_copy_of_the_text_adds_nothing(world):
    known, _, truth, folds = world
    assert abs(bits_beyond(known, 3 * known[:, 0][None] + 1, truth, folds).mean()) < 1e-3
