import numpy as np
import pytest

from unsinter.probes.permutation import stratified_permutations


def test_counts_inside_every_stratum_stay_and_every_order_is_equally_likely():
    y, strata = np.array([1, 0, 0, 1, 1, 0, 1]), np.array(list("aaabbbb"))
    drawn = stratified_permutations(y, groups=np.arange(7), strata=strata, n=4000, seed=1)
    for stratum in "ab":
        assert (drawn[:, strata == stratum].sum(axis=1) == y[strata == stratum].sum()).all()
    np.testing.assert_allclose(drawn[:, strata == "a"].mean(axis=0), 1 / 3, atol=0.03)
    np.testing.assert_allclose(drawn[:, strata == "b"].mean(axis=0), 3 / 4, atol=0.03)


def test_rows_of_a_group_move_together_between_groups_of_equal_size():
    y = np.array([1, 1, 0, 0, 1, 0, 1, 1, 1])
    groups = np.array(["a", "a", "b", "b", "c", "d", "e", "e", "e"])
    drawn = stratified_permutations(y, groups=groups, n=500)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 2] == drawn[:, 3]).all()
    assert (drawn[:, 0] != drawn[:, 2]).all()
    assert (drawn[:, 6:] == 1).all()
    assert 0.4 < drawn[:, 0].mean() < 0.6
    assert 0.4 < drawn[:, 4].mean() < 0.6


def test_the_same_seed_gives_the_same_draws():
    y, groups = np.arange(20) % 2, np.arange(20) // 2
    first, again, other = (stratified_permutations(y, groups=groups, n=3, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_labels_that_cannot_move_are_refused():
    with pytest.raises(ValueError, match="nothing moves"):
        stratified_permutations(np.array([0, 0, 1, 1]), groups=np.arange(4), strata=np.array([0, 0, 1, 1]))
    with pytest.raises(ValueError, match="y has 4 rows, groups 3"):
        stratified_permutations(np.zeros(4), groups=np.arange(3))
