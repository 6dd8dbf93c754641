import numpy as np
import pytest

from unsinter.studies.separation.effects.residual_metric import coordinates
from unsinter.studies.separation.site.kinship import equal_rows, find_kin


def share_of_copies(X, z, w, groups):
    kinds = np.eye(4)[2 * z + w]
    kin = find_kin(coordinates(X), kinds, groups)
    return len(np.unique(np.concatenate([kin.copies, equal_rows(X, groups)]))) / len(X)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_few_dimensions_make_no_copies_and_equal_rows_are_copies_in_any(d):
    rng = np.random.default_rng(0)
    z, w = rng.integers(0, 2, 800), rng.integers(0, 2, 800)
    X = rng.normal(size=(800, d)) + 3 * z[:, None]
    assert share_of_copies(X, z, w, np.arange(800)) == 0
    wide = X @ rng.normal(size=(d, 40))  # the same few dimensions in many columns
    assert share_of_copies(wide, z, w, np.arange(800)) == 0
    copied = np.concatenate([X, X[:200]])
    again = np.r_[np.arange(800), np.arange(200)]
    assert share_of_copies(copied, z[again], w[again], np.arange(1000)) == pytest.approx(0.4)
