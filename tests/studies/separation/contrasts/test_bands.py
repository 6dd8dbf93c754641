"""Bands of effects and AUROCs: how often they miss the truth where nothing is coded."""

import numpy as np
import pytest

from unsinter.studies.separation import Pair, Rule
from unsinter.studies.separation.contrasts.bands import effect_band, simultaneous_band, sum_by_group
from unsinter.studies.separation.contrasts.statistics import auroc_statistics
from unsinter.studies.separation.effects.statistics import EffectStatistic, effect_statistics
from unsinter.studies.separation.site.fit_rows import make_families
from unsinter.studies.separation.site.site_fit import fit_family

NAMES = ("distance_first", "distance_second", "mixed", "like")


def statistic(influence, pairs=0.0, value=0.0):
    influence = np.atleast_2d(influence)
    return EffectStatistic(
        value=np.full(len(influence), value), influence=influence, pairs=np.full(len(influence), pairs)
    )


def width(influence, groups, *, pairs=0.0):
    low, high = effect_band(statistic(influence, pairs), groups, level=0.95, n_draws=50, seed=0)
    return float(high[0] - low[0])


def test_influence_is_summed_over_the_rows_of_each_group():
    groups = np.array(["b", "a", "b", "c", "a"])
    np.testing.assert_allclose(sum_by_group(np.arange(5.0)[None], groups), [[5.0, 2.0, 3.0]])


def test_a_band_is_infinite_where_a_statistic_is_not_defined():
    low, high = effect_band(
        statistic(np.zeros(6), value=np.nan), np.arange(6), level=0.95, n_draws=50, seed=0
    )
    assert (low[0], high[0]) == (-np.inf, np.inf)


def test_few_groups_that_carry_the_error_make_a_band_wider_than_the_normal_one():
    even = np.full(1000, 1.0)
    one = np.concatenate([[20.0, 20.0, 20.0], np.full(997, 0.1)])
    per_error = [width(x, np.arange(1000)) / np.sqrt((x**2).sum()) for x in (even, one)]
    assert per_error[0] == pytest.approx(2 * 1.645, rel=0.01)
    assert per_error[1] > 2 * 2.5  # Student's quantile at two degrees of freedom is 2.92


def test_a_band_is_never_narrower_than_where_no_effect_is_there_to_follow():
    assert width(np.full(100, 1e-9), np.arange(100), pairs=4.0) >= 2 * 1.64 * 2.0


def test_bands_of_several_sites_hold_together():
    rng = np.random.default_rng(0)
    many = statistic(rng.normal(size=(20, 3000)))
    low, high = effect_band(many, np.arange(3000), level=0.95, n_draws=2000, seed=0)
    alone = [width(row, np.arange(3000)) for row in many.influence]
    assert ((high - low) / alone > 1.2).all()


def zipf_groups(n, rng):
    """Group of each row: the k-th largest holds a share in proportion to 1 / k."""
    sizes = 1 / np.arange(1, n // 4 + 1)
    return rng.choice(len(sizes), size=n, p=sizes / sizes.sum())


def few_large(n, rng):
    """Half of the rows in twelve large groups, the other half alone."""
    return np.where(np.arange(n) % 2 == 0, np.arange(n) // 2 % 12, n + np.arange(n))


def singles(n, rng):
    return np.arange(n)


def misses(deal, n, d, noise, *, n_worlds, alike=0.5):
    """Share of 90 % bands of effects, and of AUROCs, that miss the truth where nothing is coded.

    Rows of a group share noise and, for one half of the worlds, their labels.
    """
    effects, aurocs = [], []
    for seed in range(n_worlds):
        rng = np.random.default_rng([seed, n, d])
        groups = np.unique(deal(n, rng), return_inverse=True)[1]
        shared, own = noise(int(groups.max()) + 1, d, rng), noise(n, d, rng)
        X = np.sqrt(alike) * shared[groups] + np.sqrt(1 - alike) * own if deal is not singles else own
        labels = rng.integers(0, 2, (2, n))
        if seed % 2:
            labels = labels[:, : int(groups.max()) + 1][:, groups]
        rule = Rule(n_splits=1, min_groups=10)
        (family,) = make_families([Pair(name="p", z=labels[0], w=labels[1], groups=groups)], [None], rule)
        fit = fit_family(X, family, rule)
        if not fit.effects or fit.effects[0] is None:
            continue
        band = {"level": 0.95, "n_draws": 20, "seed": 0}
        result = effect_statistics([fit.effects[0]])
        for name in NAMES:
            low, high = effect_band(result[name], fit.groups, **band)
            effects.append(not low[0] <= 0 <= high[0])
        result = auroc_statistics([fit.fits[0]], family.contrasts[0])
        for name in ("a", "b"):
            low, high = simultaneous_band(result[name], fit.groups, **band)
            aurocs.append(not low[0] <= 0.5 <= high[0])
    assert len(aurocs) > n_worlds  # nearly every world could be measured
    return float(np.mean(effects)), float(np.mean(aurocs))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deal", "n", "d"),
    [(singles, 200, 240), (singles, 300, 24), (few_large, 300, 40), (zipf_groups, 400, 24)],
)
def test_nine_bands_in_ten_hold_the_truth_where_nothing_is_coded(noise, deal, n, d):
    effects, aurocs = misses(deal, n, d, noise, n_worlds=40)
    assert 0.02 < effects < 0.17
    assert 0.01 < aurocs < 0.17
