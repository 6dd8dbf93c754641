import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.studies.data.splits import straddling
from unsinter.studies.separation.inputs.folds import deal_groups


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=12, max_size=120), st.integers(0, 9)
)
def test_no_group_stands_in_two_folds_and_folds_hold_equally_many_groups(rows, seed):
    groups, kinds = (np.array(column) for column in zip(*rows, strict=True))
    folds = deal_groups(groups, kinds, n_folds=4, seed=seed)
    assert not straddling([str(g) for g in groups], folds.tolist())
    per_fold = [len(np.unique(groups[folds == fold])) for fold in range(4)]
    assert max(per_fold) - min(per_fold) <= 1


def test_every_kind_is_spread_evenly_over_the_folds():
    kinds = np.repeat([0, 1, 2, 3], [300, 41, 40, 300])
    folds = deal_groups(np.arange(len(kinds)), kinds, n_folds=5, seed=3)
    for kind in range(4):
        counts = np.bincount(folds[kinds == kind], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_the_seed_decides_the_folds():
    groups, kinds = np.arange(100), np.arange(100) % 2
    one, again, other = (deal_groups(groups, kinds, n_folds=5, seed=s) for s in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).any()
