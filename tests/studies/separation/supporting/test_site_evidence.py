"""Evidence beside a verdict, at sites that say nothing."""

import numpy as np
import pytest

from unsinter.studies.separation import Pair
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.supporting.site_evidence import EVIDENCE_PARTS, SiteEvidence, site_evidence
from unsinter.studies.study.run_options import parts_counted

N = 240
RNG = np.random.default_rng(0)
ROW = RNG.normal(size=16).astype(np.float32)
REPEATED = np.tile(ROW, (N, 1))
PAIR = Pair(
    name="p",
    z=np.repeat([1, 1, 0, 0], N // 4),
    w=np.repeat([1, 0, 1, 0], N // 4),
    groups=np.arange(N),
    strata=np.arange(N) % 3,
)


@pytest.mark.parametrize(
    "X",
    [
        np.zeros_like(REPEATED),
        REPEATED,
        REPEATED * (1 + RNG.integers(-2, 3, size=REPEATED.shape) * np.finfo(np.float32).eps),
    ],
    ids=["zeros", "one row", "one row and rounding"],
)
def test_a_site_that_is_the_same_in_every_row_has_no_evidence(X):
    X = X.astype(np.float32)
    for elsewhere in (None, X):
        assert str(site_evidence(X, elsewhere, PAIR, Rule())) == str(SiteEvidence())


def test_rows_that_differ_between_cells_alone_have_no_angle():
    X = np.stack([PAIR.z, PAIR.w], axis=1).astype(np.float32)
    result = site_evidence(X, REPEATED[:, :2], PAIR, Rule())
    assert np.isnan([result.cosine.value, result.cosine_null_low, result.cosine_position]).all()
    assert result.check_first <= 0.6


def test_evidence_of_one_pair_notes_each_erasure_in_each_split_and_the_blocks_of_draws():
    """Counted here: 6 things erased in 3 splits; directions, 500 draws by 64, and the null."""
    noted = []
    with parts_counted(lambda: noted.append(1)):
        site_evidence(RNG.normal(size=(N, 8)).astype(np.float32), None, PAIR, Rule())
    assert len(noted) == EVIDENCE_PARTS == 6 * 3 + 1 + 8 + 1
