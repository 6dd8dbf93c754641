import numpy as np
import pytest

from unsinter.studies.separation.supporting.erasure_evidence import _three_splits, erasure_evidence


def world(n, d, phi, *, seed=0, shared=False, length=2.0):
    """Two factors on orthogonal axes, or both on one axis as their sum; noise of unit deviation."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    w = np.where(rng.random(n) < (1 + phi) / 2, z, 1 - z)
    u, v = np.linalg.qr(rng.normal(size=(d, 2))).Q.T
    s, t = 2 * z - 1, 2 * w - 1
    signal = np.outer(s + t, u) / 2 if shared else np.outer(s, u) + np.outer(t, v)
    return rng.normal(size=(n, d)) + length * signal, z, w


def test_separate_factors_survive_each_others_erasure_and_the_erased_one_is_gone():
    X, z, w = world(6000, 16, 0.3)
    result = erasure_evidence(X, z, w, groups=np.arange(6000))
    assert result.kept_first.value > 0.98
    assert result.kept_second.value > 0.98
    assert result.check_first.value < 0.6
    assert result.check_second.value < 0.6


def test_one_shared_axis_does_not_survive():
    X, z, w = world(6000, 16, 0.3, shared=True)
    result = erasure_evidence(X, z, w, groups=np.arange(6000))
    assert max(result.check_first.value, result.check_second.value) < 0.6
    assert result.kept_first.high < 0.4
    assert result.kept_second.high < 0.4
    assert result.kept_first_random.low > 0.9
    assert result.kept_first_permuted.low > 0.9
    assert result.kept_second_permuted.low > 0.9


def test_a_shared_axis_of_few_correlated_rows_looks_separate_though_it_was_not_erased():
    X, z, w = world(300, 256, 0.9, shared=True)
    result = erasure_evidence(X, z, w, groups=np.arange(300))
    assert result.kept_first.value > 0.75
    assert result.check_second.value > 0.6


def test_a_factor_that_is_not_there_has_nothing_to_keep():
    X, _, w = world(900, 16, 0.0)
    z = np.random.default_rng(9).integers(0, 2, 900)
    result = erasure_evidence(X, z, w, groups=np.arange(900))
    assert np.isnan(result.kept_first.value)
    assert result.kept_second.value > 0.9


def test_duplicates_on_two_sides_would_be_read_where_nothing_is_there():
    """Every row six times under labels at random: grouped, nothing is read."""
    rng = np.random.default_rng(0)
    X, (z, w) = (
        np.repeat(rng.normal(size=(150, 64)), 6, axis=0),
        np.repeat(rng.integers(0, 2, (2, 150)), 6, 1),
    )
    result = erasure_evidence(X, z, w, groups=np.repeat(np.arange(150), 6))
    leaking = erasure_evidence(X, z, w, groups=np.arange(900))
    assert np.isnan(result.kept_first.value)
    assert np.isfinite(leaking.kept_first.value)


def test_every_row_is_scored_by_an_eraser_and_a_probe_of_other_groups():
    z, w = np.random.default_rng(0).integers(0, 2, (2, 300))
    groups = np.repeat(np.arange(100), 3)
    folds = _three_splits({"first": z, "second": w}, groups, seed=0)
    assert set(folds) == {0, 1, 2}
    assert (np.ptp(folds.reshape(100, 3), axis=1) == 0).all()


def test_missing_labels_are_left_out_and_any_type_of_group_will_do():
    X, z, w = world(600, 16, 0.5)
    plain = erasure_evidence(X, z, w, groups=np.arange(600))
    more = np.concatenate([X, np.full((9, 16), np.nan)])
    masked = erasure_evidence(
        more, np.r_[z, -np.ones(9, int)], np.r_[w, np.ones(9, int)], groups=[f"{i:04d}" for i in range(609)]
    )
    assert masked == plain


def test_the_same_seed_gives_the_same_numbers():
    X, z, w = world(600, 16, 0.5)
    assert erasure_evidence(X, z, w, groups=np.arange(600), seed=3) == erasure_evidence(
        X, z, w, groups=np.arange(600), seed=3
    )


def test_the_interval_of_a_share_covers_what_new_worlds_show():
    """Over worlds the share varies as much as one world's interval says, within a factor of two."""
    result = [
        erasure_evidence(*world(600, 8, 0.3, seed=s, length=0.7), groups=np.arange(600)) for s in range(12)
    ]
    values = np.array([f.kept_first.value for f in result])
    half_widths = np.array([(f.kept_first.high - f.kept_first.low) / 2 for f in result])
    assert 0.5 < half_widths.mean() / (1.96 * values.std()) < 2


X, Z, W = world(60, 4, 0.0)
WITH_NAN = np.where(np.arange(60)[:, None] == 7, np.nan, X)


@pytest.mark.parametrize(
    ("X", "z", "w", "message"),
    [
        (WITH_NAN, Z, W, "NaN or inf"),
        (X, Z + 1, W, "z must hold 1, 0 or -1"),
        (X, Z, 0.5 * W, "w must hold 1, 0 or -1"),
        (X[:50], Z, W, "a group per row"),
        (X, Z, Z, "the cell z=0, w=1 holds 0 groups"),
        (X, np.ones(60, int), W, "the cell z=0, w=0 holds 0 groups"),
    ],
)
def test_what_cannot_be_judged_is_refused(X, z, w, message):
    with pytest.raises(ValueError, match=message):
        erasure_evidence(X, z, w, groups=np.arange(60))
