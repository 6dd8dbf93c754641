"""Rows of different groups that belong together are noticed, and strong codes are not taken for it."""

from dataclasses import replace

import numpy as np
import pytest

from unsinter.studies.separation import Pair, Rule, judge_arrays
from unsinter.studies.separation.effects.residual_metric import coordinates
from unsinter.studies.separation.inputs.text_copies import text_copies
from unsinter.studies.separation.site import kinship
from unsinter.studies.separation.site.fit_rows import make_families
from unsinter.studies.separation.site.kinship import equal_rows, excess_agreement, find_kin, joined_groups
from unsinter.studies.separation.site.site_fit import fit_family

QUICK = Rule(n_splits=1)
SURE = {"z_sure": (1.0, 1.0), "w_sure": (1.0, 1.0)}


def families(share, noise, *, n=600, d=128, size=4, seed=0, mixed=None):
    """Rows of a family share this much variance and both labels, and claim to be groups of their own."""
    rng = np.random.default_rng([seed, int(100 * share)])
    family = rng.permutation(np.arange(n) // size)
    X = np.sqrt(share) * noise(n, d, rng)[family] + np.sqrt(1 - share) * noise(n, d, rng)
    if mixed is not None:
        X = X @ mixed
    z, w = rng.integers(0, 2, (2, n))[:, family]
    return X, Pair(name="p", z=z, w=w, groups=np.arange(n)), family


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 0.97])
def test_paraphrases_across_groups_are_noticed(share, noise):
    """Nothing is coded: either the labels that travel along are said, or copies are put together."""
    for seed in range(1, 2):
        X, pair, family = families(share, noise, seed=seed)
        result = judge_arrays(X, pair, QUICK)
        assert result.verdict in ("undetermined", "neither")
        assert "rows of different groups that are alike" in result.reason or "near copies" in result.reason
        held_together = judge_arrays(X, replace(pair, groups=family), QUICK)
        assert "rows of different groups that are alike" not in held_together.reason
        assert "near copies" not in held_together.reason


@pytest.mark.parametrize("share", [0.5, 0.97])
def test_paraphrases_are_noticed_beneath_directions_of_large_variance(share, noise):
    """Without whitening, rows would be alike by what dominates their variance."""
    scales = (
        np.diag(1 / np.arange(1, 129)) @ np.linalg.qr(np.random.default_rng(0).normal(size=(128, 128)))[0]
    )
    X, pair, _ = families(share, noise, mixed=scales)
    result = judge_arrays(X, pair, QUICK)
    assert result.verdict in ("undetermined", "neither")
    assert "alike" in result.reason or "near copies" in result.reason


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_paraphrases_that_too_few_dimensions_hide_are_never_called_two_factors(share, noise):
    for seed in range(2):
        X, pair, _ = families(share, noise, d=24, seed=seed)
        assert judge_arrays(X, pair, QUICK).verdict in ("undetermined", "neither")


def test_strong_codes_are_not_taken_for_likeness(planted):
    """60 worlds with codes that a reader never misses, categories of large variance among them."""
    alarms = []
    kinds = ("separable", "shared", "reversed", "first-only", "neither", "second-only")
    for seed in range(60):
        auroc = (0.9, 0.999, 0.999999)[seed % 3]
        X, pair = planted(kinds[seed % 6], n=300, d=(48, 96)[seed % 2], seed=seed, auroc=auroc)
        strata = np.random.default_rng(seed).integers(0, 4, 300)
        X += 5 * X.std(axis=0) * np.random.default_rng(seed).normal(size=(4, X.shape[1]))[strata]
        pair = replace(pair, strata=np.array(["a", "b", "c", "d"])[strata])
        (family,) = make_families([pair], [None], QUICK)
        fit = fit_family(X, family, QUICK)
        alarms.append(bool(fit.obstacles[0]) or fit.share_merged > 0)
    assert sum(alarms) <= 2


@pytest.mark.parametrize(("n", "d"), [(400, 8), (1000, 16), (3000, 32)])
def test_rows_that_few_dimensions_make_alike_by_chance_are_no_copies(noise, n, d):
    rng = np.random.default_rng(0)
    kin = find_kin(coordinates(noise(n, d, rng)), np.ones((n, 1)), np.arange(n))
    assert len(np.unique(kin.copies)) <= 0.01 * n


def unequal(noise, n, d, rng):
    """Rows whose directions differ in variance, as those of activations do."""
    return noise(n, d, rng) @ np.diag(1 / np.arange(1, d + 1)) @ np.linalg.qr(rng.normal(size=(d, d)))[0]


@pytest.mark.parametrize("draw", ["unequal", "round"])
def test_near_copies_are_pairs_across_groups_only(noise, draw):
    rng = np.random.default_rng(0)
    n, d = 400, 120
    X = unequal(noise, n, d, rng) if draw == "unequal" else noise(n, d, rng)
    X[100:110] = X[:10] + 1e-4 * noise(10, d, rng)
    kin = find_kin(coordinates(X), np.ones((n, 1)), np.arange(n))
    expected = {(i, 100 + i) for i in range(10)} | {(100 + i, i) for i in range(10)}
    assert (kin.nearest[:10] == np.arange(100, 110)).all()
    together = np.where(np.arange(n) < 200, np.arange(n) % 100, np.arange(n))
    assert not len(find_kin(coordinates(X), np.ones((n, 1)), together).copies)
    assert {tuple(pair) for pair in kin.copies.tolist()} == expected


@pytest.mark.parametrize(("d", "is_enough"), [(24, False), (33, False), (80, True)])
def test_near_copies_need_a_cosine_that_chance_does_not_reach_in_so_many_dimensions(noise, d, is_enough):
    """Six deviations of a cosine, one over the root of the dimensions, exceed 1 below 36 of them."""
    rng = np.random.default_rng(0)
    X = unequal(noise, 1000, d, rng)
    X[100:110] = X[:10] + 1e-4 * noise(10, d, rng)
    kin = find_kin(coordinates(X), np.ones((1000, 1)), np.arange(1000))
    assert 0.6 * d < kin.n_dimensions < d
    assert bool(len(kin.copies)) == is_enough
    assert (kin.nearest[:10] == np.arange(100, 110)).all()


def test_columns_that_repeat_each_other_add_no_dimensions(noise):
    rng = np.random.default_rng(1)
    X = unequal(noise, 600, 20, rng)
    wide = X @ rng.normal(size=(20, 120))
    for rows in (X, wide):
        kin = find_kin(coordinates(rows), np.ones((600, 1)), np.arange(600))
        assert 12 < kin.n_dimensions < 20.5


def test_equal_rows_are_pairs_with_the_first_one_like_them_across_groups_only(noise):
    X = noise(8, 5, np.random.default_rng(0))
    X[3] = X[6] = X[1]
    X[7] = X[4]
    groups = np.array([0, 1, 2, 3, 4, 5, 1, 4])
    assert equal_rows(X, groups).tolist() == [[1, 3]]
    assert equal_rows(X, np.arange(8)).tolist() == [[1, 3], [1, 6], [4, 7]]
    X[6, 0] += 1e-12
    assert equal_rows(X, np.arange(8)).tolist() == [[1, 3], [4, 7]]


def test_equal_rows_in_few_dimensions_are_put_together_and_near_ones_are_not(planted):
    X, pair = planted("separable", n=400, d=8, auroc=0.99)
    once = np.arange(300)
    again = np.concatenate([once, once[:100]])
    for close, merged in ((0.0, True), (1e-4, False)):
        copied = X[again]
        copied[300:] += close * X.std(axis=0) * np.random.default_rng(0).standard_normal((100, 8))
        twice = replace(pair, z=pair.z[again], w=pair.w[again], groups=np.arange(400))
        (family,) = make_families([twice], [None], QUICK)
        fit = fit_family(copied, family, QUICK)
        assert (fit.share_merged == pytest.approx(0.5)) if merged else (fit.share_merged == 0)
        assert len(np.unique(fit.groups)) == (300 if merged else 400)


def test_groups_with_copies_of_each_other_are_one_and_so_are_chains_of_them():
    groups = np.array([0, 0, 1, 2, 3, 4])
    joined = joined_groups(groups, np.array([[1, 2], [3, 2]]))
    assert joined[0] == joined[1] == joined[2] == joined[3]
    assert len(set(joined.tolist())) == 3


def test_merged_copies_are_said_and_counted_once(noise):
    X, pair, _ = families(0.97, noise)
    result = judge_arrays(X, pair, QUICK)
    assert "near copies in other groups" in result.reason
    assert "100%" in result.reason
    assert sum(result.groups_per_cell.values()) == 150


def test_agreement_of_nearest_rows_is_0_by_chance_1_in_full_and_is_asked_within_blocks():
    rng = np.random.default_rng(0)
    n = 600
    labels, blocks = rng.integers(0, 2, n), rng.integers(0, 3, n)
    groups = np.arange(n)
    chance = rng.permutation(n)
    assert excess_agreement(labels, blocks, groups, chance, seed=0) is None
    same = np.array(
        [rng.choice(np.flatnonzero((labels == labels[i]) & (blocks == blocks[i]))) for i in range(n)]
    )
    assert excess_agreement(labels, blocks, groups, same, seed=0) == pytest.approx(1.0, abs=0.12)
    # Labels follow blocks and likeness does too: within a block nothing agrees beyond chance.
    follows = (rng.random(n) < np.array([0.1, 0.5, 0.9])[blocks]).astype(int)
    of_block = np.array([rng.choice(np.flatnonzero(blocks == blocks[i])) for i in range(n)])
    assert excess_agreement(follows, blocks, groups, of_block, seed=0) is None
    assert excess_agreement(follows, np.zeros(n, dtype=int), groups, of_block, seed=0) is not None
    assert excess_agreement(np.ones(n, dtype=int), blocks, groups, same, seed=0) is None


def sentences(n, rng, words=25):
    vocabulary = np.array([f"word{i}" for i in range(4000)])
    return [" ".join(rng.choice(vocabulary, words)) for _ in range(n)]


def test_texts_that_are_nearly_the_same_are_pairs_among_the_rows_that_take_part():
    rng = np.random.default_rng(0)
    texts = sentences(40, rng)
    texts[7] = texts[3] + " please"
    texts[9] = texts[3]
    rows, groups = np.arange(1, 40), np.arange(39)
    result = {tuple(sorted(pair)) for pair in text_copies(texts, rows, groups).tolist()}
    assert result == {(2, 6), (2, 8), (6, 8)}
    groups[8] = groups[2]
    result = {tuple(sorted(pair)) for pair in text_copies(texts, rows, groups).tolist()}
    assert result == {(2, 6), (6, 8)}
    assert text_copies(None, rows, groups).shape == (0, 2)
    assert text_copies(np.zeros((40, 3)), rows, groups).shape == (0, 2)


def test_groups_whose_texts_are_copies_are_put_together_though_activations_differ(planted):
    X, pair = planted("separable", n=400, d=16, auroc=0.99)
    texts = sentences(400, np.random.default_rng(1))
    for cell in range(4):  # in every cell, each text of the first half stands once more in the second
        own = np.flatnonzero(pair.cells == cell)
        half = len(own) // 2
        for one, other in zip(own[:half], own[half : 2 * half], strict=True):
            texts[other] = texts[one] + " please"
    result = judge_arrays(X, replace(pair, text=texts), QUICK)
    assert "near copies in other groups" in result.reason
    assert sum(result.groups_per_cell.values()) < 210


@pytest.mark.parametrize("n_rows", [1, 7, 400])
def test_kin_are_the_same_however_many_rows_are_compared_at_once(noise, monkeypatch, n_rows):
    rng, n = np.random.default_rng(0), 400
    X = noise(n, 120, rng)
    first = np.arange(205, 215)
    X[first + 100] = X[first] + 1e-4 * noise(10, 120, rng)
    monkeypatch.setattr(kinship, "_BLOCK_PRODUCTS", n_rows * n)
    kin = find_kin(coordinates(X), np.ones((n, 1)), np.arange(n) // 2)
    pairs = np.stack([first, first + 100], axis=1)
    assert {tuple(pair) for pair in kin.copies.tolist()} == {*map(tuple, [*pairs, *pairs[:, ::-1]])}
    assert (kin.nearest[first] == first + 100).all()
    assert (kin.nearest[first + 100] == first).all()
    assert (kin.nearest // 2 != np.arange(n) // 2).all()


def test_labels_are_shuffled_within_their_blocks_alone():
    """Of two ones and two zeros in a block one in three others is alike: shuffles within it agree by -1/3."""
    labels = np.tile([1, 1, 0, 0], 200)
    blocks, groups = np.repeat(np.arange(200), 4), np.arange(800)
    nearest = groups + np.tile([1, -1, 1, -1], 200)
    assert excess_agreement(labels, blocks, groups, nearest, seed=0) == pytest.approx(4 / 3, abs=0.02)


def test_shuffles_that_are_kept_are_those_that_are_drawn_and_stay_in_their_blocks(monkeypatch):
    blocks = np.array([2, 0, 1, 0, 2, 2, 1, 0, 0, 2])
    kept = [rows.tolist() for rows in kinship._shuffled_rows(blocks, 3)]
    monkeypatch.setattr(kinship, "_KEPT_ROWS", 0)
    assert kept == [rows.tolist() for rows in kinship._shuffled_rows(blocks, 3)]
    assert all(sorted(rows) == list(range(10)) for rows in kept)
    assert all((blocks[rows] == blocks).all() for rows in kept)
    assert kept != [rows.tolist() for rows in kinship._shuffled_rows(blocks, 4)]
    assert len({tuple(rows) for rows in kept}) > 100
