"""From which size on a code would have been noticed, and whether it then is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from unsinter.studies.separation import Rule, judge_arrays
from unsinter.studies.separation.absence.spikes import Absence, Spiked, metric_folds, noticed_from
from unsinter.studies.separation.contrasts.contrast import make_contrast
from unsinter.studies.separation.effects.residual_metric import coordinates
from unsinter.studies.separation.inputs.pair import Pair
from unsinter.studies.separation.site.fit_rows import make_families
from unsinter.studies.separation.site.site_fit import fit_family

SURE = {"z_sure": (1.0, 1.0), "w_sure": (1.0, 1.0)}
ABSENT = ("first-only", "neither")


def bound(X, pair, *, second=True, rule=None, seed=0):
    """The bound as it is asked for where an absence was claimed."""
    rule = rule or Rule(n_splits=1)
    (family,) = make_families([pair], [None], rule)
    fit = fit_family(X, family, rule)
    contrast, effects = make_contrast(pair), fit.effects[0]
    sites = coordinates(X)
    spiked = Spiked(
        Y=sites.Y,
        folds=metric_folds(sites, family.kind_columns, fit.folds[0]),
        design=contrast.effect_design,
        blocks=contrast.blocks(second=second),
        second=second,
    )
    return noticed_from(
        spiked,
        pairs=2 * float(effects.pairs[2, 2] if second else effects.pairs[0, 0]),
        absence=Absence(most=rule.absent, critical=float(norm.ppf(rule.level))),
        seed=seed,
    )


def test_an_effect_counts_as_absent_where_its_whole_band_is_small_and_holds_zero():
    absence = Absence(most=0.2, critical=2.0)
    value, error = np.array([0.0, 0.0, 0.1, 0.15, -0.3, 0.05]), np.array([0.05, 0.15, 0.01, 0.04, 0.1, 0.05])
    assert absence.holds(value, error).tolist() == [True, False, False, False, True, True]


def test_the_bound_falls_with_rows(noise, labels):
    """Where rows are so few that nothing is ever called absent, everything counts as noticed."""

    def middle(n, d):
        result = []
        for seed in range(3):
            rng = np.random.default_rng([seed, n, d])
            z, w = labels(n, 0.3, rng)
            result.append(bound(noise(n, d, rng), Pair(name="p", z=z, w=w, groups=np.arange(n))))
        return np.median(result)

    assert 0.55 <= middle(3000, 32) < middle(900, 32) - 0.01 < 0.7


def test_the_bound_is_the_same_for_either_factor_of_a_balanced_world(noise, labels):
    rng = np.random.default_rng(3)
    z, w = labels(900, 0.0, rng)
    pair = Pair(name="p", z=z, w=w, groups=np.arange(900))
    X = noise(900, 24, rng)
    one, other = (bound(X, pair, second=second) for second in (False, True))
    assert one == pytest.approx(other, abs=0.05)


def with_code(X, w, auroc, rng):
    """Activations with a code of w on a random axis, told by its ideal reader with this AUROC."""
    u = rng.standard_normal(X.shape[1])
    return X + np.sqrt(2) * norm.ppf(auroc) * np.outer(w, u / np.linalg.norm(u))


@pytest.mark.slow
@pytest.mark.parametrize("d", [32, 200])
def test_a_code_of_the_size_of_the_bound_is_really_noticed_when_it_is_planted(noise, labels, d):
    """Labels, rows and axes are drawn anew, as the planted codes of the bound are."""
    missed = seen = 0
    for seed in range(12):
        rng = np.random.default_rng([seed, d])
        n = 400
        z, w = labels(n, 0.2, rng)
        pair = Pair(name="p", z=z, w=w, groups=np.arange(n), **SURE)
        X = noise(n, d, rng)
        auroc = bound(X, pair)
        if auroc == 1:
            continue
        seen += 1
        missed += judge_arrays(with_code(X, w, auroc, rng), pair, Rule(noticed=1.0)).verdict in ABSENT
    assert seen >= 6
    assert missed <= 0.2 * seen


def test_an_absence_that_a_code_of_the_asked_size_could_have_passed_for_is_undetermined(planted):
    kept = 0
    for seed in range(2):
        X, pair = planted("neither", n=900, d=32, seed=seed, **SURE)
        plain = judge_arrays(X, pair)
        if plain.verdict != "neither":
            continue
        kept += 1
        size = max(plain.evidence.bound_first.value, plain.evidence.bound_second.value)
        assert size <= Rule().noticed
        result = judge_arrays(X, pair, Rule(noticed=size - 0.01))
        assert result.verdict == "undetermined"
        assert f"would have been noticed from AUROC {size:.2f} only" in result.reason
    assert kept >= 1


def test_few_rows_and_many_dimensions_never_make_a_weak_factor_absent(planted, noise, labels):
    """w at AUROC .72 among 300 dimensions: what a probe reads of it is far less than what is there."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X, pair = planted("first-only", n=300, d=300, seed=seed, phi=0.0, **SURE)
        scale = X.std(axis=0)
        result = judge_arrays(with_code(X / scale, pair.w, 0.72, rng), replace(pair, name="weak"))
        assert result.verdict not in ABSENT
