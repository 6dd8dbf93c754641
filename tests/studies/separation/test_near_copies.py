import numpy as np

from unsinter.studies.separation.near_copies import merge_near_copies


def test_rows_copied_into_other_groups_are_put_together_and_independent_rows_are_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 300)).astype(np.float32)
    X[:, 0] *= 1000
    cells, groups = rng.integers(0, 4, 400), np.arange(400)
    apart = merge_near_copies(X, cells, groups)
    assert apart.share == 0
    assert len(np.unique(apart.groups)) == 400
    X[:60] = X[100:160] + 0.01 * rng.normal(size=(60, 300))
    found = merge_near_copies(X, cells, groups)
    assert found.share == 120 / 400
    assert len(np.unique(found.groups)) == 340
    assert (found.groups[:60] == found.groups[100:160]).all()


def test_a_chain_of_groups_that_share_copies_is_one_group():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 60)).astype(np.float32)
    X[1], X[3] = X[100], X[101]
    groups = np.arange(200)
    groups[3] = groups[1]  # one group with a copy of row 100 and one of row 101
    found = merge_near_copies(X, np.zeros(200, dtype=int), groups)
    assert len({found.groups[row] for row in (1, 3, 100, 101)}) == 1
    assert found.share == 4 / 200


def test_copies_inside_one_group_are_no_fault():
    rng = np.random.default_rng(1)
    X = np.repeat(rng.normal(size=(100, 50)), 3, axis=0).astype(np.float32)
    groups = np.repeat(np.arange(100), 3)
    found = merge_near_copies(X, np.zeros(300, dtype=int), groups)
    assert found.share == 0
    assert (found.groups == groups).all()


def test_a_tight_cluster_that_a_cell_forms_is_not_taken_for_copies():
    rng = np.random.default_rng(2)
    cells = np.repeat(np.arange(4), 100)
    X = 0.01 * rng.normal(size=(400, 40)) + np.eye(4, 40)[cells]
    assert merge_near_copies(X, cells, np.arange(400)).share == 0
