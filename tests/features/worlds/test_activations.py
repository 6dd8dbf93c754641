"""Axes, noise and nuisances: what is planted is there, to the size promised, and nothing else is."""

import numpy as np
import pytest
from scipy.stats import linregress, norm
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from unsinter.features.worlds import WORLDS, make_world

EFFECT = 2.3262  # sqrt(2) * 1.64485, by hand
PLAIN = {"source_offset": 0.0, "length_effect": 0.0, "category_effect": 0.0}


def auc_of_axis(world, axis, label, rows):
    return roc_auc_score(label[rows], (world.X @ axis)[rows])


def standard_error(auc, n_positive, n_negative):
    """Hanley and McNeil's (1982) of an AUC."""
    both, other = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_positive - 1) * (both - auc**2) + (n_negative - 1) * (other - auc**2)
    return np.sqrt(spread / (n_positive * n_negative))


@pytest.mark.parametrize("effect", [0.5, 1.5, EFFECT])
@pytest.mark.parametrize("rows_per_group", [1, 3])
def test_the_planted_axis_reads_a_factor_with_the_auc_of_two_normals(effect, rows_per_group):
    expected, errors = norm.cdf(effect / np.sqrt(2)), []
    for seed in range(12):
        world = make_world("orthogonal", n=3000, seed=seed, effect=effect, rows_per_group=rows_per_group)
        for axis, label, fixed in ((world.u_z, world.z, world.w), (world.u_w, world.w, world.z)):
            for rows in (fixed == 0, fixed == 1):
                counts = np.bincount(label[rows]) / rows_per_group  # a group counts at least as one row
                errors.append(
                    (auc_of_axis(world, axis, label, rows) - expected) / standard_error(expected, *counts)
                )
    assert abs(np.mean(errors)) < 4 / np.sqrt(len(errors))


def test_by_default_an_unshared_factor_is_read_with_an_auc_of_95():
    result = [
        auc_of_axis(v, v.u_z, v.z, v.w == 1)
        for v in (make_world("first_only", n=3000, seed=s) for s in range(8))
    ]
    assert np.mean(result) == pytest.approx(0.95, abs=0.005)


def test_no_direction_reads_a_factor_better_than_the_planted_one():
    """Fitted on 60,000 rows, a linear reader of all coordinates has nothing to add to the axis itself."""
    world = make_world("orthogonal", n=120_000, d=32, massive=10.0)
    train, rows = np.arange(120_000) < 60_000, world.w == 1
    scaled = world.X / world.X.std(axis=0)
    fitted = RidgeClassifier(alpha=1.0).fit(scaled[train & rows], world.z[train & rows])
    best = roc_auc_score(world.z[~train & rows], fitted.decision_function(scaled[~train & rows]))
    assert best == pytest.approx(auc_of_axis(world, world.u_z, world.z, ~train & rows), abs=0.002)


def test_effects_of_z_and_w_can_differ():
    world = make_world("orthogonal", n=20_000, effect=(1.0, 3.0))
    assert auc_of_axis(world, world.u_z, world.z, world.w == 0) == pytest.approx(
        norm.cdf(1 / np.sqrt(2)), abs=0.02
    )
    assert auc_of_axis(world, world.u_w, world.w, world.z == 0) == pytest.approx(
        norm.cdf(3 / np.sqrt(2)), abs=0.01
    )


@pytest.mark.parametrize(
    ("name", "cosine"),
    [
        ("orthogonal", 0),
        ("separable_cos5", 0.5),
        ("separable_cos7", 0.7),
        ("separable_cos9", 0.9),
        ("shared", 1),
    ],
)
def test_planted_axes_have_the_cosine_of_the_name_and_length_one(name, cosine):
    world = make_world(name, seed=3)
    assert world.u_z @ world.u_w == pytest.approx(cosine, abs=1e-6)
    assert np.linalg.norm(world.u_z) == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(world.u_w) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("cosine", [-0.8, 0.3])
def test_double_differences_of_means_recover_the_cosine_asked_for(cosine):
    cos = []
    for seed in range(10):
        world = make_world(
            "separable_cos9", n=8000, phi=0.0, seed=seed, cosine=cosine, massive=0.0, effect=6.0, **PLAIN
        )
        mean = {(z, w): world.X[(world.z == z) & (world.w == w)].mean(axis=0) for z in (0, 1) for w in (0, 1)}
        first = mean[1, 1] + mean[1, 0] - mean[0, 1] - mean[0, 0]
        second = mean[1, 1] - mean[1, 0] + mean[0, 1] - mean[0, 0]
        cos.append(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
    assert np.mean(cos) == pytest.approx(cosine, abs=0.02)


@pytest.mark.parametrize("spectrum", [0.0, 0.5, 1.0, 2.0])
def test_variances_fall_by_a_power_law_beside_two_huge_coordinates(spectrum):
    world = make_world("neither", n=20_000, d=256, spectrum=spectrum, **PLAIN)
    variance = np.sort(world.X.var(axis=0))[::-1]
    assert variance[:2] == pytest.approx(100.0**2, rel=0.05)
    assert set(np.argsort(world.X.var(axis=0))[-2:]) == set(world.massive)
    assert np.abs(world.X[:, world.massive].mean(axis=0)) == pytest.approx(100.0, rel=0.05)
    assert variance[2:].mean() == pytest.approx(1, rel=0.1)
    ranks = np.arange(1, 31)  # further down, what the axes carry outweighs the smallest variances
    slope = linregress(np.log(ranks), np.log(variance[2:32])).slope
    assert slope == pytest.approx(-spectrum, abs=0.12)


def test_without_massive_coordinates_nothing_is_huge():
    world = make_world("orthogonal", massive=0.0, spectrum=0.0)
    assert len(world.massive) == 0
    assert np.abs(world.X).max() < 10


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0, 3.0])
def test_rows_of_a_group_correlate_by_the_formula_and_variance_stays_one(ratio):
    world = make_world("neither", n=24_000, rows_per_group=4, group_effect=ratio, **PLAIN)
    spread = world.X @ world.u_z
    table = spread.reshape(-1, 4)
    between, within = 4 * table.mean(axis=1).var(ddof=1), table.var(axis=1, ddof=1).mean()
    intraclass = (between - within) / (between + 3 * within)  # one-way analysis of variance
    assert intraclass == pytest.approx(ratio**2 / (1 + ratio**2), abs=0.03)
    assert spread.var() == pytest.approx(1, abs=0.05)
    others = world.X[:, np.setdiff1d(np.arange(128), world.massive)[5]].reshape(-1, 4)
    assert np.corrcoef(others[:, 0], others[:, 1])[0, 1] == pytest.approx(ratio**2 / (1 + ratio**2), abs=0.05)


@pytest.mark.parametrize(
    ("knob", "size"), [("source_offset", 4.0), ("length_effect", 2.0), ("category_effect", 5.0)]
)
def test_a_nuisance_moves_rows_by_the_size_asked_and_not_along_the_factors(knob, size):
    """The knobs' streams are separate, so the same world without the nuisance can be taken away."""
    with_it, without = (make_world("orthogonal", **{**PLAIN, knob: value}) for value in (size, 0.0))
    moved = with_it.X.astype(float) - without.X
    lengths = np.linalg.norm(moved, axis=1)
    if knob == "length_effect":
        assert np.sqrt((lengths**2).mean()) == pytest.approx(size, rel=0.15)
    else:
        assert lengths == pytest.approx(size / 2 if knob == "source_offset" else size, rel=1e-3)
    assert np.abs(moved @ with_it.u_z).max() < 1e-3
    assert np.abs(moved @ with_it.u_w).max() < 1e-3


def test_rows_read_at_the_other_position_code_the_factors_on_other_axes():
    world = make_world("orthogonal", n=8000, position_mixing=0.3)
    assert world.positions.mean() == pytest.approx(0.3, abs=0.03)
    here = world.positions == 0
    assert auc_of_axis(world, world.u_z, world.z, here & (world.w == 0)) == pytest.approx(0.95, abs=0.02)
    assert auc_of_axis(world, world.u_z, world.z, ~here & (world.w == 0)) == pytest.approx(0.5, abs=0.06)
    other = world.X[~here]
    means = {
        (z, w): other[(world.z == z)[~here] & (world.w == w)[~here]].mean(axis=0)
        for z in (0, 1)
        for w in (0, 1)
    }
    moved = (means[1, 0] - means[0, 0])[np.setdiff1d(np.arange(128), world.massive)]
    assert np.linalg.norm(moved) > 2  # as strong there, elsewhere


def test_copies_of_an_original_are_nearer_than_any_other_row_and_claim_to_be_strangers():
    world = make_world("duplicates")
    near = NearestNeighbors(n_neighbors=5).fit(world.X).kneighbors(world.X, return_distance=True)
    families = world.families[near[1]]
    assert np.all(families[:, :4] == world.families[:, None])  # itself and its three copies
    assert np.all(families[:, 4] != world.families)
    assert near[0][:, 3].max() < near[0][:, 4].min()
    assert len(np.unique(world.groups)) == len(world.X)
    assert len(np.unique(world.families)) == 200
    for part in (world.true_z, world.true_w, world.strata, world.text):
        assert all(len(np.unique(part[world.families == family], axis=0)) == 1 for family in range(200))


def test_copies_do_not_lie_side_by_side():
    """A split of consecutive rows must not happen to keep them together."""
    families = make_world("duplicates").families
    assert np.mean(families[1:] == families[:-1]) < 0.05


@pytest.mark.parametrize("name", WORLDS)
def test_one_seed_gives_the_same_bytes_and_another_gives_others(name):
    first, again, other = (make_world(name, n=120, seed=seed) for seed in (7, 7, 8))
    for part in ("X", "z", "w", "groups", "strata", "text", "u_z", "u_w"):
        assert getattr(first, part).tobytes() == getattr(again, part).tobytes()
    for part in ("X", "z", "w", "text", "u_z"):
        assert getattr(first, part).tobytes() != getattr(other, part).tobytes()
