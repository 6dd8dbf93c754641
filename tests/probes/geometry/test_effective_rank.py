import numpy as np
import pytest
from scipy.stats import entropy

from unsinter.probes.geometry.effective_rank import (
    category_directions,
    effective_rank,
    permuted_ranks,
    random_ranks,
    share_explained,
)
from unsinter.probes.geometry.geometry import Metric


def test_orthonormal_directions_count_and_identical_ones_are_one():
    assert effective_rank(np.eye(7)[:5] * [[1], [2], [3], [4], [5]]) == pytest.approx(5)
    assert effective_rank(np.ones((5, 7))) == pytest.approx(1)
    assert share_explained(np.ones((5, 7))) == pytest.approx(1)
    assert share_explained(np.eye(5)) == pytest.approx(1 / 5)


@pytest.mark.parametrize("angle", [0.1, 0.7, np.pi / 2])
def test_two_directions_at_an_angle_have_the_closed_form(angle):
    """Squared singular values of two unit vectors are 1 + cos and 1 - cos."""
    pair = np.array([[1, 0, 0], [3 * np.cos(angle), 3 * np.sin(angle), 0]])
    p = np.array([1 + np.cos(angle), 1 - np.cos(angle)]) / 2
    assert effective_rank(pair) == pytest.approx(np.exp(entropy(p)))
    assert share_explained(pair) == pytest.approx(np.cos(angle / 2) ** 2)


def test_it_is_the_entropy_of_the_eigenvalues_of_the_cosine_matrix():
    V = np.random.default_rng(0).normal(size=(11, 40)) + 1
    unit = V / np.linalg.norm(V, axis=1, keepdims=True)
    assert effective_rank(V) == pytest.approx(np.exp(entropy(np.linalg.eigvalsh(unit @ unit.T))))


def test_opposite_directions_have_no_common_one():
    assert share_explained(np.array([[1.0, 0], [-1.0, 0]])) == 0


def test_with_a_metric_directions_are_compared_in_units_of_what_varies():
    X = np.random.default_rng(0).normal(size=(100_000, 2)) * [3.0, 1.0]
    metric = Metric.within(X, np.zeros(len(X)))
    pair = np.array([[3.0, 1.0], [3.0, -1.0]])
    assert effective_rank(pair, metric=metric) == pytest.approx(2, abs=0.01)
    assert effective_rank(pair) < 1.5


def test_random_directions_of_many_dimensions_are_nearly_orthogonal():
    assert random_ranks(11, 3584, n=5).min() > 10.9
    assert random_ranks(11, 5, n=20).max() <= 5


def categories(own, seed=0, n=800, d=30):
    """Four categories that share one axis; ``own`` is the length of what each has to itself."""
    rng = np.random.default_rng(seed)
    c = np.array(list("abcd"))[rng.integers(0, 4, n)]
    X = rng.normal(size=(n, d))
    X[:, 0] += 3
    for k, name in enumerate("abcd"):
        X[c == name, 1 + k] += own
    return X, c, rng.normal(size=(n, d))


def test_category_directions_are_means_less_the_reference_mean():
    X, c, reference = categories(own=2)
    expected = [X[c == name].mean(axis=0) - reference.mean(axis=0) for name in "abcd"]
    np.testing.assert_allclose(category_directions(X, c, reference), expected)


@pytest.mark.parametrize(("own", "is_inside"), [(0.0, True), (2.0, False)])
def test_the_rank_leaves_its_null_only_where_categories_have_directions_of_their_own(own, is_inside):
    X, c, reference = categories(own)
    drawn = permuted_ranks(X, c, reference, groups=np.arange(len(X)), n=99)
    observed = effective_rank(category_directions(X, c, reference))
    assert (observed < np.quantile(drawn, 0.99)) == is_inside


def test_a_direction_of_length_zero_is_refused():
    with pytest.raises(ValueError, match="direction 1 has length zero"):
        effective_rank(np.array([[1.0, 0], [0, 0]]))
    with pytest.raises(ValueError, match="NaN or inf"):
        effective_rank(np.array([[1.0, 0], [np.nan, 0]]))
    with pytest.raises(ValueError, match="missing labels"):
        category_directions(np.zeros((2, 2)), np.array(["a", None]), np.zeros((2, 2)))
