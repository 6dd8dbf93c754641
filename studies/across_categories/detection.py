"""Does a probe of harm in one category read harm in another, and does one global probe do as well?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.probes.logistic.grid import GridSolver
from unsinter.probes.metrics import auroc
from unsinter.probes.tasks import Task
from unsinter.studies.across_categories.contrast import CategoryContrast
from unsinter.studies.across_categories.data import RowIndex
from unsinter.studies.across_categories.intervals import estimate
from unsinter.studies.across_categories.rule import AcrossRule
from unsinter.studies.data.estimate import NAN, UNKNOWN, Estimate
from unsinter.studies.study.verdict_defaults import CHANCE

Cells = list[tuple[RowIndex, RowIndex]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectionEvidence:
    """Harm against harmless across categories, on held-out groups.

    Attributes
    ----------
    names : of the k categories.
    matrix : (k, k) AUROC of the probe of category i (row) on category j (column), equal training sizes; the
        diagonal is the ceiling. ``low``, ``high``: its intervals.
    own : mean of the diagonal.
    normalised : median over i != j of (T_ij - 0.5) / (T_jj - 0.5): 1 is no loss, 0 is chance. NaN where no
        column's own interval lies above chance.
    global_gain : mean over categories of a global probe's AUROC minus that of the category's own probe, both
        trained on equally many rows.
    """

    names: tuple[str, ...] = ()
    matrix: FloatArray | None = None
    low: FloatArray | None = None
    high: FloatArray | None = None
    own: Estimate = UNKNOWN
    normalised: Estimate = UNKNOWN
    global_gain: Estimate = UNKNOWN


def detection_evidence(
    X: FloatArray,
    contrast: CategoryContrast,
    *,
    folds: NDArray[np.intp],
    weights: FloatArray,
    rule: AcrossRule,
) -> DetectionEvidence:
    """Cross-fit one probe per category and one global probe, and test each in every category.

    Parameters
    ----------
    X : (n, d). folds : (n,). weights : (n, 1 + n_draws) bootstrap weights of rows, ones first.
    """
    trainings = [_training(contrast, folds == fold) for fold in range(rule.n_folds)]
    scores = _scores(X, contrast, trainings, folds, rule.penalty)
    aurocs = _aurocs(scores, contrast, folds, weights)
    k = len(contrast.names)
    cells, overall = aurocs[:k], aurocs[k]
    diagonal = cells[np.arange(k), np.arange(k)]
    bounds = np.array([[estimate(cell, level=rule.level) for cell in row] for row in cells])
    return DetectionEvidence(
        names=contrast.names,
        matrix=bounds[:, :, 0],
        low=bounds[:, :, 1],
        high=bounds[:, :, 2],
        own=estimate(diagonal.mean(axis=0), level=rule.level),
        normalised=_normalised(cells, diagonal, level=rule.level),
        global_gain=estimate((overall - diagonal).mean(axis=0), level=rule.level),
    )


def _training(contrast: CategoryContrast, held_out: NDArray[np.bool_]) -> Cells:
    """Return the rows of each category's probe, and of the global one last: as many, a share of each."""
    cells = contrast.equal_outside(held_out)
    sides = []
    for side in range(2):
        pools = [cell[side] for cell in cells]
        size, k = len(pools[0]), len(pools)
        shares = [size // k + (place < size % k) for place in range(k)]
        sides.append(np.concatenate([pool[:share] for pool, share in zip(pools, shares, strict=True)]))
    return [*cells, (sides[0], sides[1])]


def _scores(
    X: FloatArray, contrast: CategoryContrast, trainings: list[Cells], folds: NDArray[np.intp], penalty: float
) -> FloatArray:
    """Return scores (k + 1, n) of every row by the probes that did not see its fold; NaN off the contrast."""
    rows = contrast.rows
    place = np.full(len(X), -1, dtype=np.intp)
    place[rows] = np.arange(len(rows))
    tasks = [_task(place[up], place[down], len(rows)) for cells in trainings for up, down in cells]
    fits = iter(GridSolver(X[rows]).fit(tasks, [penalty], shares_scale=False))
    scores = np.full((len(contrast.names) + 1, len(X)), np.nan)
    for fold in range(len(trainings)):
        unseen = folds[rows] == fold
        for probe in range(len(scores)):
            scores[probe, rows[unseen]] = next(fits).scores[0][unseen]
    return scores


def _task(up: RowIndex, down: RowIndex, n: int) -> Task:
    weights, codes = np.zeros(n), np.zeros(n, dtype=np.intp)
    weights[up], weights[down] = 0.5 / len(up), 0.5 / len(down)
    codes[up] = 1
    return Task(codes=codes, n_classes=2, weights=weights)


def _aurocs(
    scores: FloatArray, contrast: CategoryContrast, folds: NDArray[np.intp], weights: FloatArray
) -> FloatArray:
    """Return AUROCs (n_probes, k, 1 + n_draws) within each category, pairs of one fold only."""
    aurocs = np.empty((len(scores), len(contrast.names), weights.shape[1]))
    for column, (up, down) in enumerate(zip(contrast.positive, contrast.negative, strict=True)):
        rows = np.concatenate([up, down])
        positive, drawn = np.arange(len(rows)) < len(up), weights[rows]
        for probe, values in enumerate(scores):
            aurocs[probe, column] = auroc(values[rows], positive, weights=drawn.T, strata=folds[rows])
    return aurocs


def _normalised(cells: FloatArray, diagonal: FloatArray, *, level: float) -> Estimate:
    usable = np.array([estimate(own, level=level).low > CHANCE for own in diagonal])
    if not usable.any():
        return Estimate(NAN, NAN, NAN)
    ceilings = diagonal - CHANCE
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (cells - CHANCE) / np.where(ceilings > 0, ceilings, NAN)[None]
    apart = ~np.eye(len(cells), dtype=bool) & usable[None]
    medians, known = np.full(cells.shape[2], NAN), np.isfinite(ratios[apart]).any(axis=0)
    medians[known] = np.nanmedian(ratios[apart][:, known], axis=0)
    return estimate(medians, level=level)
