import numpy as np
import pytest

from unsinter.features.worlds import make_world
from unsinter.studies.separation.contrasts.contrast import make_contrast
from unsinter.studies.separation.contrasts.directions import cross_fitted
from unsinter.studies.separation.contrasts.influence import held_fixed_auroc
from unsinter.studies.separation.inputs.folds import deal_groups
from unsinter.studies.separation.inputs.pair import Pair


def contrast_of(world, *, strata=True):
    pair = Pair(name="p", z=world.z, w=world.w, groups=world.groups, strata=world.strata if strata else None)
    return make_contrast(pair), deal_groups(world.groups, pair.cells, n_folds=5, seed=0)


def test_the_direction_is_the_least_squares_probe_with_four_cells_of_equal_weight():
    """Many rows and few columns: shrinkage is next to nothing, and the direction is a textbook one."""
    world = make_world("separable_cos7", n=6000, d=12, phi=0.7, seed=1, category_effect=0.0, massive=1.0)
    contrast, folds = contrast_of(world, strata=False)
    fit = cross_fitted(world.X, contrast.designs(), folds)[0]
    X, z, w = world.X.astype(float), world.z, world.w
    train, test = folds != 0, folds == 0
    cells = 2 * (1 - z) + (1 - w)
    weights = (1 / np.bincount(cells[train]))[cells]
    A = np.column_stack([X, np.ones(len(X))])
    for probe, factor in enumerate((z, w)):
        root = np.sqrt(weights[train])[:, None]
        coefficients = np.linalg.lstsq(A[train] * root, (factor[train] - 0.5) * root[:, 0], rcond=None)[0]
        assert np.corrcoef(A[test] @ coefficients, fit.scores[probe][test])[0, 1] > 0.999


def test_scores_are_in_deviations_within_a_cell_from_the_middle_of_the_cells():
    world = make_world("orthogonal", n=4000, d=16, phi=0.5, seed=0, effect=3.0)
    contrast, folds = contrast_of(world)
    scores = cross_fitted(world.X, contrast.designs(), folds)[0].scores[0]
    within = [scores[(world.z == z) & (world.w == w)] for z in (0, 1) for w in (0, 1)]
    assert np.mean([s.std() for s in within]) == pytest.approx(1.0, abs=0.05)
    assert np.mean([s.mean() for s in within]) == pytest.approx(0.0, abs=0.05)
    assert np.mean([s.mean() for s in within[2:]]) - np.mean([s.mean() for s in within[:2]]) == pytest.approx(
        3.0, abs=0.3
    )


def test_no_row_has_a_say_in_the_directions_that_score_its_own_fold():
    world = make_world("orthogonal", n=600, d=32, seed=0)
    contrast, folds = contrast_of(world)
    (design,) = contrast.designs()
    before = cross_fitted(world.X, [design], folds)[0].scores
    cells = np.where(folds == 2, 3 - design.cells, design.cells)  # every label of one fold turned round
    X = world.X.copy()
    X[np.flatnonzero(folds == 2)[1:]] += 5  # and its activations moved, but for one row
    after = cross_fitted(X, [type(design)(cells=cells, strata=design.strata, comparisons=[])], folds)[
        0
    ].scores
    row = np.flatnonzero(folds == 2)[0]
    np.testing.assert_allclose(after[:, row], before[:, row], atol=2e-3)
    assert np.abs(after[:, folds == 1] - before[:, folds == 1]).max() > 0.1


def test_what_category_alone_explains_is_in_no_direction():
    """Factors follow category and nothing else: within a category neither probe reads anything."""
    aurocs = []
    for seed in range(12):
        world = make_world("category", n=800, d=64, phi=0.3, seed=seed)
        contrast, folds = contrast_of(world)
        fit = cross_fitted(world.X, contrast.designs(), folds)[0]
        comparison = contrast.comparisons()[0]
        aurocs.append(held_fixed_auroc(fit.scores[:1], fit.pull[:1], comparison).value[0])
    assert np.mean(aurocs) == pytest.approx(0.5, abs=0.03)


def test_the_error_of_an_auroc_at_chance_is_that_of_many_worlds():
    """Rows train and test: with the test part alone the error would be smaller by the square root of two."""
    values, errors, halves = [], [], []
    for seed in range(80):
        world = make_world("neither", n=300, d=64, phi=0.3, seed=seed)
        contrast, folds = contrast_of(world)
        fit = cross_fitted(world.X, contrast.designs(), folds)[0]
        comparison = contrast.comparisons()[0]
        auroc = held_fixed_auroc(fit.scores[:1], fit.pull[:1], comparison)
        values.append(auroc.value[0])
        halves.append((auroc.influence**2).sum())
        errors.append((auroc.influence**2).sum() + (auroc.training**2).sum())
    spread = np.std(values)
    assert 0.8 < np.sqrt(np.mean(errors)) / spread < 1.25
    assert np.sqrt(np.mean(halves)) / spread < 0.85


def test_pull_is_how_a_mean_difference_at_chance_follows_a_training_row():
    world = make_world("neither", n=500, d=12, phi=0.2, seed=3, category_effect=0.0, massive=1.0)
    contrast, folds = contrast_of(world, strata=False)
    (design,) = contrast.designs()
    place = 0
    comparison = design.comparisons[place]
    weights = comparison.row_weights()

    def difference(X, rows):
        thinner = type(design)(
            cells=design.cells[rows], strata=None, comparisons=[c.of(rows) for c in design.comparisons]
        )
        return cross_fitted(X[rows], [thinner], folds[rows])[0].scores[comparison.probe]

    fit = cross_fitted(world.X, [design], folds)[0]
    predicted, result = [], []
    for row in range(0, 500, 12):
        left = np.arange(500) != row
        others = left & (folds != folds[row])  # its own fold's scores do not depend on it
        change = np.zeros(500)
        change[left] = fit.scores[comparison.probe][left] - difference(world.X, left)
        predicted.append(fit.pull[place, row])
        result.append((weights * change)[others].sum())
    assert np.corrcoef(predicted, result)[0, 1] > 0.8
    assert np.polyfit(predicted, result, 1)[0] == pytest.approx(1.0, abs=0.3)
