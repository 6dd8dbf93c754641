import numpy as np

from unsinter.studies.separation.near_copies import share_of_near_copies


def test_rows_copied_into_other_groups_are_found_and_independent_rows_are_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 300)).astype(np.float32)
    X[:, 0] *= 1000
    cells = rng.integers(0, 4, 400)
    groups = np.arange(400)
    assert share_of_near_copies(X, cells, groups) == 0
    X[:60] = X[100:160] + 0.01 * rng.normal(size=(60, 300))
    assert share_of_near_copies(X, cells, groups) == 120 / 400


def test_copies_inside_one_group_are_no_fault():
    rng = np.random.default_rng(1)
    X = np.repeat(rng.normal(size=(100, 50)), 3, axis=0).astype(np.float32)
    assert share_of_near_copies(X, np.zeros(300, dtype=int), np.repeat(np.arange(100), 3)) == 0


def test_a_tight_cluster_that_a_cell_forms_is_not_taken_for_copies():
    rng = np.random.default_rng(2)
    cells = np.repeat(np.arange(4), 100)
    X = 0.01 * rng.normal(size=(400, 40)) + np.eye(4, 40)[cells]
    assert share_of_near_copies(X, cells, np.arange(400)) == 0
