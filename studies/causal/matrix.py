"""The direction of one category taken out, measured on the prompts of another, beside the transfer matrix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import spearmanr

from unsinter.probes.arrays import FloatArray
from unsinter.studies.causal.contrasts import site_of
from unsinter.studies.causal.effects import Draws
from unsinter.studies.causal.inputs import CausalInput
from unsinter.studies.data.estimate import UNKNOWN, Estimate, from_draws
from unsinter.studies.transfer.cell_scores import Board
from unsinter.studies.transfer.matrices import probe_scores
from unsinter.studies.transfer.plans import Plan, Side
from unsinter.studies.transfer.study_plans import examples_of, study_plans

if TYPE_CHECKING:
    from unsinter.studies.causal.log_odds import OddsReader

FEWEST_CELLS = 6
"""Cells off the diagonal below which no rank correlation is given."""


def matrix_rows(inputs: CausalInput, reader: "OddsReader", factor: str) -> list[dict[str, object]]:
    """Return a row per cell, and the rank correlation with the transfer matrix at the same site.

    Rows and prompts are those of the transfer matrix: the direction of category i is the difference of the
    means of its training prompts and of the harmless ones, equally many in each row. None where the prompts
    allow no such matrix, and where directions are added, as the prompts of a category hold theirs already.
    """
    plan = _plan(inputs)
    if plan is None or factor != "D" or inputs.settings.operation == "add":
        return []
    site = site_of(inputs, factor)
    X = np.asarray(inputs.read(*site), dtype=float)
    board = Board(plan, inputs.groups, n_draws=inputs.bootstrap.n_draws, seed=inputs.bootstrap.seed)
    scores = probe_scores(inputs.read(*site), [board], penalty=inputs.penalty)[0]
    transfer = np.array([board.cells(row) for row in scores])
    odds = reader.changed(board.rows, [_direction(X, side) for side in plan.trained.values()], site)
    draws = Draws.of(inputs.groups[board.rows], inputs.bootstrap)
    inside = {name: np.isin(board.rows, side.positive) for name, side in plan.tested.items()}
    shared: dict[str, object] = {"factor": "D", "layer": site[0], "position": site[1]}
    rows: list[dict[str, object]] = []
    by_outcome = inputs.outcomes(odds, board.rows)
    means = {
        outcome: np.array([[draws.mean(v - values[0], own) for own in inside.values()] for v in values[1:]])
        for outcome, values in by_outcome.items()
    }
    for outcome, values in by_outcome.items():
        for i, name in enumerate(plan.trained):
            for j, (tested_on, own) in enumerate(inside.items()):
                tested = own & np.isfinite(values[0])
                if not tested.any():
                    continue
                change = from_draws(means[outcome][i, j])
                rows.append(
                    shared
                    | {
                        "kind": "matrix",
                        "class": name,
                        "outcome": outcome,
                        "tested_on": tested_on,
                        "before": float(values[0][tested].mean()),
                        "effect": change.value,
                        "low": change.low,
                        "high": change.high,
                        "covered": float(odds.covered[i + 1][tested].mean()),
                        "transfer": float(transfer[i, j, 0]),
                        "n_prompts": int(tested.sum()),
                        "groups": draws.n_groups(tested),
                    }
                )
    off = np.array([[a != b for b in plan.tested] for a in plan.trained])
    rank = rank_correlation(np.abs(means["refusal"][off]), transfer[off])
    if np.isfinite(rank.value):
        rows.append(
            shared
            | {"kind": "correlation", "class": "all", "outcome": "refusal", "tested_on": "all"}
            | {"effect": rank.value, "low": rank.low, "high": rank.high}
            | {"n_prompts": len(board.rows), "groups": draws.n_groups(np.ones(len(board.rows), bool))}
        )
    return rows


def rank_correlation(changes: FloatArray, transfer: FloatArray) -> Estimate:
    """Return Spearman's correlation of the size of the change with the transfer, over cells.

    Parameters
    ----------
    changes, transfer : (n_cells, 1 + n_draws), drawn together; unknown where there are few cells.
    """
    if len(changes) < FEWEST_CELLS:
        return UNKNOWN
    values = np.array([_spearman(a, b) for a, b in zip(changes.T, transfer.T, strict=True)])
    return from_draws(values)


def _spearman(a: FloatArray, b: FloatArray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < FEWEST_CELLS or np.ptp(a[known]) == 0 or np.ptp(b[known]) == 0:
        return float("nan")
    return float(spearmanr(a[known], b[known]).statistic)


def _plan(inputs: CausalInput) -> Plan | None:
    examples = examples_of(inputs.dataset, np.flatnonzero(inputs.is_present))
    plans = study_plans(
        examples,
        inputs.dataset,
        None,
        kinds=("category",),
        seed=inputs.bootstrap.seed,
        min_groups=inputs.min_groups,
    )
    plan = next((plan for plan in plans if plan.kind == "category"), None)
    wanted: Sequence[str] = inputs.settings.categories
    if plan is None or not wanted:
        return plan
    trained = {name: side for name, side in plan.trained.items() if name in wanted}
    return Plan(kind="category", trained=trained, tested=plan.tested) if trained else None


def _direction(X: FloatArray, side: Side) -> FloatArray:
    return np.asarray(X[side.positive].mean(axis=0) - X[side.negative].mean(axis=0))
