"""Codes that leave the mean of every cell where it is are noticed in how alike rows of one label are."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from unsinter.probes.shrunk_covariance import ledoit_wolf
from unsinter.studies.separation.absence.hidden_codes import hidden_code, one_row_per_group, rows_beyond
from unsinter.studies.separation.effects.residual_metric import coordinates

SIZE = np.sqrt(2) * norm.ppf(0.95)
"""Deviations between classes that the best reader tells apart with an AUROC of .95."""

D = 64
BETRAYED = 2.3
"""Deviations above which an absence is withdrawn."""


def labels_of(n, rng):
    """z, w and four categories, all independent."""
    return (*rng.integers(0, 2, (2, n)), rng.integers(0, 4, n))


def deviations(X, z, w, strata=None, *, seed=0):
    """How far likeness follows w, z and the category held fixed, a row per group."""
    n = len(X)
    strata = np.zeros(n, dtype=np.intp) if strata is None else strata
    levels = np.eye(int(strata.max()) + 1)[strata][:, 1:]
    kinds = np.hstack([np.column_stack([np.ones(len(z)), z]), levels])
    H = np.column_stack([z, w, np.ones(n), levels])
    effect = np.linalg.pinv(H)[0]
    rows = rows_beyond(coordinates(X), kinds, effect, np.arange(n))
    return hidden_code(rows, w, 4 * z + strata, strata, seed=seed)


def exclusive_or(X, w, strata, rng):
    """w is whether two codes differ that each move an axis of their own: no mean of a label moves."""
    first = rng.integers(0, 2, len(w))
    second = first ^ w
    return X + SIZE * (np.outer(first, np.eye(D)[0]) + np.outer(second, np.eye(D)[1]))


def radius(X, w, strata, rng):
    """Rows of w = 1 lie on a circle, those of w = 0 at its centre."""
    turn = 2 * np.pi * rng.random(len(w))
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1) @ np.eye(D)[:2]
    return X + SIZE * w[:, None] * circle


def reversed_between_categories(X, w, strata, rng):
    """w moves one axis up in two categories and down in the other two."""
    return X + SIZE * np.outer(np.where(strata < 2, 1, -1) * (w - 0.5), np.eye(D)[0])


CODES = {
    "exclusive or": exclusive_or,
    "radius": radius,
    "reversed between categories": reversed_between_categories,
}


@pytest.mark.parametrize("n", [1000, 2000])
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("seed", range(3))
def test_a_code_that_no_mean_shows_is_noticed(noise, code, n, seed):
    rng = np.random.default_rng([seed, n])
    z, w, strata = labels_of(n, rng)
    X = CODES[code](noise(n, D, rng), w, strata, rng) + 2 * np.outer(z, np.eye(D)[5])
    X = X * np.exp(rng.standard_normal(D))
    own = strata if code == "reversed between categories" else None
    assert deviations(X, z, w, own) > BETRAYED


@pytest.mark.parametrize("with_categories", [False, True])
@pytest.mark.parametrize("means", [False, True])
def test_where_nothing_is_hidden_no_more_than_chance_is_seen_in_nearly_all_worlds(
    noise, with_categories, means
):
    """The mean of the other factor, whose effect is left out, is no hidden code of this one."""
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng([seed, 7])
        z, w, strata = labels_of(1000, rng)
        X = noise(1000, D, rng)
        if with_categories:
            X += 3 * rng.standard_normal((4, D))[strata]
        if means:
            X += SIZE * np.outer(z, np.eye(D)[0])
        alarms += deviations(X, z, w, strata if with_categories else None) > BETRAYED
    assert alarms <= 2


def test_cells_of_unequal_spread_along_the_other_factors_effect_are_no_hidden_code(noise):
    """Where the axis of z spreads by w it is z that is told better there; spread off it is a code of w."""
    rng = np.random.default_rng(3)
    z, w, _ = labels_of(1500, rng)
    result = {}
    for axis in (0, 1):
        X = noise(1500, D, rng) + SIZE * np.outer(z, np.eye(D)[0])
        X[:, axis] += SIZE * w * rng.standard_normal(1500)
        result[axis] = deviations(X, z, w)
    assert result[0] <= BETRAYED < result[1]


def by_hand(Y, kinds, axis):
    """Cosines of residuals in the inverse metric, less what lies along an axis, each row's own part out."""
    residual = Y - kinds @ np.linalg.lstsq(kinds, Y, rcond=None)[0]
    n, d = residual.shape
    S = residual.T @ residual / n
    trace = np.trace(S)
    shrinkage = ledoit_wolf(torch.as_tensor(residual), float((S * S).sum()), trace, n_dimensions=d)
    inverse = np.linalg.inv((1 - shrinkage) * S + shrinkage * trace / d * np.eye(d))
    pull = inverse @ axis
    products = residual @ (inverse - np.outer(pull, pull) / (axis @ pull)) @ residual.T
    weight = (1 - shrinkage) / n
    own = weight * np.diag(products)
    cosines = weight * products / np.sqrt(np.outer(own * (1 - own), own * (1 - own)))
    np.fill_diagonal(cosines, 0)
    return cosines


def test_likeness_is_that_of_explicit_inverses_without_the_axis_of_the_other_effect(noise):
    rng = np.random.default_rng(4)
    n, d = 400, 12
    z, w, _ = labels_of(n, rng)
    X = noise(n, d, rng) * np.exp(rng.normal(size=d)) + 3 * np.outer(z, rng.normal(size=d))
    kinds, weights = (
        np.column_stack([np.ones(len(z)), z]),
        np.linalg.pinv(np.column_stack([z, w, np.ones(n)]))[0],
    )
    Y = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = by_hand(Y, kinds, weights @ Y)
    rows = np.arange(0, n, 3)
    beyond = rows_beyond(coordinates(X), kinds, weights, rows)
    result = (beyond @ beyond.T).fill_diagonal_(0).numpy()
    np.testing.assert_allclose(result, expected[np.ix_(rows, rows)], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("way", ["in all directions", "in two directions"])
def test_the_statistic_is_that_of_explicit_sums_over_shuffled_labels(way):
    """The larger of: r' K r with r centred within blocks and K the squared likeness, and the two largest
    eigenvalues of V' diag(r) V in size; both in deviations from chance."""
    rng = np.random.default_rng(5)
    m, d = 120, 8
    V = rng.standard_normal((m, d)) / np.sqrt(d)
    blocks = rng.integers(0, 3, m)
    score = (
        V[:, 0] ** 2
        if way == "in two directions"
        else (V[:, :2] ** 2).sum(axis=1) - (V[:, 2:4] ** 2).sum(axis=1)
    )
    labels = (score > np.median(score)).astype(int)
    r = labels - np.array([labels[blocks == block].mean() for block in range(3)])[blocks]
    likeness = V @ V.T
    np.fill_diagonal(likeness, 0)

    def both(r):
        sizes = np.sort(np.abs(np.linalg.eigvalsh(V.T @ np.diag(r) @ V)))
        return r @ likeness**2 @ r, sizes[-2:].sum()

    shuffled = []
    for _ in range(4000):
        moved = r.copy()
        for block in range(3):
            moved[blocks == block] = rng.permutation(r[blocks == block])
        shuffled.append(both(moved))
    expected = (np.array(both(r)) - np.mean(shuffled, axis=0)) / np.std(shuffled, axis=0)
    result = hidden_code(
        torch.as_tensor(V, dtype=torch.float32), labels, blocks, np.zeros(m, dtype=np.intp), seed=0
    )
    assert result == pytest.approx(expected.max(), rel=0.25, abs=0.3)


def test_a_code_of_two_among_many_dimensions_is_noticed_where_the_sum_over_all_is_not(noise):
    """Exclusive-or of AUROC .9 in 128 dimensions: seen by its two directions in at least 8 of 10 draws."""
    noticed, n = 0, 2000
    for seed in range(10):
        rng = np.random.default_rng([seed, 2])
        z, w, _ = labels_of(n, rng)
        first = rng.integers(0, 2, n)
        X = noise(n, 128, rng)
        X[:, 0] += np.sqrt(2) * norm.ppf(0.9) * first
        X[:, 1] += np.sqrt(2) * norm.ppf(0.9) * (first ^ w)
        noticed += deviations(X, z, w) > BETRAYED
    assert noticed >= 8


def test_the_same_seed_says_the_same_and_a_label_of_one_value_follows_nothing():
    rng = np.random.default_rng(6)
    V = torch.as_tensor(rng.standard_normal((60, 5)), dtype=torch.float32)
    blocks, strata = rng.integers(0, 2, 60), np.zeros(60, dtype=np.intp)
    labels = rng.integers(0, 2, 60)
    one, again = (hidden_code(V, labels, blocks, strata, seed=3) for _ in range(2))
    assert one == again
    turned = hidden_code(V, 1 - labels, blocks, strata, seed=3)
    assert turned == pytest.approx(one, rel=1e-4, abs=1e-4)
    assert hidden_code(V, np.ones(60, dtype=int), blocks, strata, seed=0) == 0


def test_one_row_stands_for_each_group_the_first_one():
    groups = np.array([3, 1, 3, 0, 1, 2])
    assert one_row_per_group(groups).tolist() == [0, 1, 3, 5]
    assert len(one_row_per_group(np.arange(10_000))) == 4000


def test_groups_of_near_copies_betray_nothing_where_nothing_is_coded(noise):
    alarms, n, share = 0, 600, 0.97
    for seed in range(6):
        rng = np.random.default_rng([seed, 97])
        family = rng.permutation(np.arange(n) // 4)
        X = np.sqrt(share) * noise(n, 128, rng)[family] + np.sqrt(1 - share) * noise(n, 128, rng)
        z, w = rng.integers(0, 2, (2, n))[:, family]
        rows = one_row_per_group(family)
        effect = np.linalg.pinv(np.column_stack([z, w, np.ones(n)]))[0]
        beyond = rows_beyond(coordinates(X), np.column_stack([np.ones(len(z)), z]), effect, rows)
        nothing = np.zeros(len(rows), dtype=np.intp)
        alarms += hidden_code(beyond, w[rows], z[rows], nothing, seed=0) > BETRAYED
    assert alarms <= 1


@pytest.mark.parametrize(("n", "d"), [(150, 128), (200, 400)])
def test_few_rows_in_many_directions_of_unequal_variance_betray_nothing(noise, n, d):
    alarms = 0
    for seed in range(6):
        rng = np.random.default_rng([seed, n])
        X = noise(n, d, rng) / np.sqrt(np.arange(1, d + 1)) @ np.linalg.qr(rng.normal(size=(d, d)))[0]
        z, w, _ = labels_of(n, rng)
        alarms += deviations(X, z, w) > BETRAYED
    assert alarms <= 1
