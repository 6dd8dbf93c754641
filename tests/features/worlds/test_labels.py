"""Factors, categories and groups: rates, correlation, exact cells, errors of labellers."""

import numpy as np
import pytest
from scipy.stats import binomtest, chi2_contingency
from sklearn.metrics import matthews_corrcoef

from unsinter.features.worlds import CELLS, WORLDS, cells, make_world

LABELS_ONLY = {"d": 16, "n_words": 8}


def pooled(name, *, n_seeds=20, n=2000, **knobs):
    """True z and w, and category, of many worlds."""
    worlds = [make_world(name, n=n, seed=seed, **LABELS_ONLY, **knobs) for seed in range(n_seeds)]
    return [
        np.concatenate([getattr(world, part) for world in worlds]) for part in ("true_z", "true_w", "strata")
    ]


@pytest.mark.parametrize("name", ["orthogonal", "category", "duplicates"])
@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.6, 0.95])
def test_z_and_w_correlate_by_phi_within_sampling_error(name, phi):
    z, w, _ = pooled(name, phi=phi, n_seeds=40)
    n = len(z) / (4 if name == "duplicates" else 1)
    # delta-method standard error of a phi coefficient at rates of one half
    assert matthews_corrcoef(z, w) == pytest.approx(phi, abs=4 * np.sqrt((1 - phi**2) / n))


@pytest.mark.parametrize(("first", "second", "phi"), [(0.2, 0.5, 0.4), (0.7, 0.9, -0.2), (0.1, 0.1, 1.0)])
def test_rates_and_phi_are_had_together(first, second, phi):
    z, w, _ = pooled("shared", rate_first=first, rate_second=second, phi=phi)
    assert binomtest(int(z.sum()), len(z), first).pvalue > 1e-4
    assert binomtest(int(w.sum()), len(w), second).pvalue > 1e-4
    assert matthews_corrcoef(z, w) == pytest.approx(phi, abs=0.04)


@pytest.mark.parametrize(("zero", "phi"), [(0, -0.6), (1, 0.6), (2, 0.6), (3, -0.6)])
@pytest.mark.parametrize("first", [0.3, 0.5])
def test_a_cell_that_cannot_occur_is_empty_and_phi_still_holds(zero, phi, first):
    z, w, _ = pooled("orthogonal", zero_cell=CELLS[zero], phi=phi, rate_first=first)
    assert not np.any(3 - 2 * z - w == zero)
    assert matthews_corrcoef(z, w) == pytest.approx(phi, abs=0.03)
    assert binomtest(int(z.sum()), len(z), first).pvalue > 1e-4


@pytest.mark.parametrize(
    "name", [name for name, kind in WORLDS.items() if "label_noise" not in kind.defaults]
)
@pytest.mark.parametrize("rows", [2, 3])
def test_cells_have_exactly_the_groups_asked_for(name, rows):
    sizes = (50, 20, 21, 60)
    world = make_world(name, cells=sizes, rows_per_group=rows, **LABELS_ONLY)
    copies = rows if WORLDS[name].copies else 1  # there every row claims to be a group
    assert tuple(cells(world).values()) == tuple(copies * size for size in sizes)
    assert len(world.X) == world.settings.n == rows * sum(sizes)
    _, row = np.unique(world.families, return_index=True)  # groups of unequal sizes count once
    assert matthews_corrcoef(world.true_z[row], world.true_w[row]) == pytest.approx(world.settings.phi)
    assert world.true_z[row].mean() == pytest.approx(world.settings.rate_first)


@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.4, 0.55)])
def test_in_the_category_world_nothing_joins_z_and_w_but_the_category(rates):
    z, w, strata = pooled("category", phi=0.5, rate_first=rates[0], rate_second=rates[1])
    assert chi2_contingency(np.histogram2d(z, w, 2)[0]).pvalue < 1e-100
    for stratum in np.unique(strata):
        rows = strata == stratum
        assert chi2_contingency(np.histogram2d(z[rows], w[rows], 2)[0], correction=False).pvalue > 1e-3


@pytest.mark.parametrize("name", ["orthogonal", "shared", "neither", "lexical"])
def test_elsewhere_categories_have_nothing_to_do_with_the_factors(name):
    z, w, strata = pooled(name, n_categories=5)
    table = np.histogram2d(2 * z + w, np.unique(strata, return_inverse=True)[1], (4, 5))[0]
    assert chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize("rows", [1, 4])
def test_rows_of_one_group_share_category_and_factors(rows):
    world = make_world("orthogonal", n=402, rows_per_group=rows)
    assert len(np.unique(world.groups)) == -(-402 // rows)
    for part in (world.strata, world.true_z, world.true_w):
        assert len({(group, value) for group, value in zip(world.groups, part, strict=True)}) == len(
            np.unique(world.groups)
        )


@pytest.mark.parametrize("rates", [(0.0, 0.2), (0.05, 0.15), (0.3, 0.0)])
def test_observed_labels_are_wrong_as_often_as_asked(rates):
    worlds = [make_world("shared_noisy", n=2000, seed=s, label_noise=rates, **LABELS_ONLY) for s in range(10)]
    for observed, true, rate in (("z", "true_z", rates[0]), ("w", "true_w", rates[1])):
        errors = np.concatenate([getattr(world, observed) != getattr(world, true) for world in worlds])
        assert binomtest(int(errors.sum()), len(errors), rate).pvalue > 1e-4


def test_errors_of_labellers_do_not_depend_on_the_truth_nor_on_each_other():
    worlds = [make_world("shared", n=2000, seed=s, label_noise=0.2, **LABELS_ONLY) for s in range(10)]
    first, second, cell = (
        np.concatenate(parts)
        for parts in zip(
            *[(v.z != v.true_z, v.w != v.true_w, 2 * v.true_z + v.true_w) for v in worlds], strict=True
        )
    )
    assert chi2_contingency(np.histogram2d(first, second, 2)[0]).pvalue > 1e-3
    assert chi2_contingency(np.histogram2d(first, cell, (2, 4))[0]).pvalue > 1e-3
    assert chi2_contingency(np.histogram2d(second, cell, (2, 4))[0]).pvalue > 1e-3


def test_by_default_the_noisy_world_has_z_wrong_in_5_and_w_in_15_per_cent_of_rows():
    world = make_world("shared_noisy", n=20_000, **LABELS_ONLY)
    assert np.mean(world.z != world.true_z) == pytest.approx(0.05, abs=0.01)
    assert np.mean(world.w != world.true_w) == pytest.approx(0.15, abs=0.01)
