"""Transfer matrices at every site: one fit per row of a matrix, all its cells from one product."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.sites import Site
from unsinter.studies.study.run_options import StepCount
from unsinter.studies.tables.transfer_columns import MATRIX
from unsinter.studies.transfer.cell_scores import Board, intervals
from unsinter.studies.transfer.fits import linear_scores, side_task
from unsinter.studies.transfer.inputs import MatrixSettings, ModelSites, Wordings
from unsinter.studies.transfer.plans import (
    OTHERS,
    Plan,
    RowIndex,
    Side,
)
from unsinter.studies.transfer.study_plans import examples_of, study_plans
from unsinter.studies.transfer.word_floor import WordReader
from unsinter.studies.workers.spread import spread_sites


def transfer_tables(
    source: ModelSites, settings: MatrixSettings, *, wordings: Wordings | None, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Return the columns of ``MATRIX``: matrices of the probe at every site, and of the words.

    A kind that has fewer than two categories, wordings or sources with enough groups adds no row.

    Parameters
    ----------
    wordings : None leaves their matrix out.
    bootstrap : of the held-out groups; its seed draws the training rows too.

    Raises
    ------
    LeakageError : a group trains and tests.
    """
    dataset = source.dataset
    plans = study_plans(
        examples_of(dataset, source.present, settings.target),
        dataset,
        wordings,
        kinds=settings.kinds,
        seed=bootstrap.seed,
        min_groups=settings.min_groups,
    )
    boards = [Board(plan, dataset.groups, n_draws=bootstrap.n_draws, seed=bootstrap.seed) for plan in plans]
    texts = WordReader([prompt.whole_text for prompt in dataset.prompts])
    of = f" of {settings.target.name}" if settings.target else ""
    step = f"{source.model}: transfer{of}"
    count = StepCount(progress=source.progress, step=step, total=len(boards) + len(source.sites))
    scores = []
    for board in boards:
        scores.append(_word_scores(texts, board))
        count.one()
    words = Reader(name="words", scores=scores)
    parts = matrix_tables(boards, words, floor=None)
    fitted = spread_sites(
        _site_tables,
        source.read,
        ([site, site == settings.best] for site in source.sites),
        shared=(settings.penalty, boards, words),
        n_jobs=source.n_jobs,
    )
    for tables in fitted:
        parts += tables
        count.one()
    count.end()
    if not parts:
        return pd.DataFrame(columns=list(MATRIX))
    table = pd.concat(parts, ignore_index=True).assign(model=source.model)
    return table.loc[table["kind"].isin(settings.kinds), list(MATRIX)].reset_index(drop=True)


@dataclass(slots=True, kw_only=True, eq=False)
class Reader:
    """One reader of all matrices: what it scores, and the cells once they are computed.

    Attributes
    ----------
    scores : per matrix, (n_trained, n_tested) over the rows of its board.
    cells : kind -> (n_trained, n_columns, 1 + n_draws) AUROCs.
    """

    name: str
    scores: Sequence[FloatArray]
    site: Site = (-1, "")
    is_selected: bool = False
    cells: dict[str, FloatArray] | None = None

    def count(self, boards: Sequence[Board]) -> dict[str, FloatArray]:
        """Return ``cells``, computed on the first call."""
        if self.cells is None:
            self.cells = {
                board.plan.kind: np.array([board.cells(row) for row in scores])
                for board, scores in zip(boards, self.scores, strict=True)
            }
        return self.cells


def _site_tables(
    X: FloatArray, site: Site, is_selected: bool, penalty: float, boards: Sequence[Board], words: Reader
) -> list[pd.DataFrame]:
    scores = probe_scores(X, boards, penalty=penalty)
    probe = Reader(name="probe", scores=scores, site=site, is_selected=is_selected)
    return matrix_tables(boards, probe, floor=words)


def matrix_tables(boards: Sequence[Board], reader: Reader, *, floor: Reader | None) -> list[pd.DataFrame]:
    """Return one table per matrix of a reader, each cell paired with the floor's."""
    cells = reader.count(boards)
    floor_cells = None if floor is None else floor.count(boards)
    tables = []
    for board in boards:
        kind = board.plan.kind
        values = _pick(board.plan, cells[kind])
        low, high = intervals(values[:, 1:]).T
        under = None if floor_cells is None else _pick(board.plan, floor_cells[kind])
        gain = np.full((len(values), 3), np.nan)
        if under is not None:
            gain = np.c_[values[:, 0] - under[:, 0], intervals(values[:, 1:] - under[:, 1:])]
        # The diagonal of the columns at this training size: that of the categories where one is held out.
        ceiling = normalised(
            values[:, 0], _ceilings(board.plan, cells["category" if "category" in kind else kind])
        )
        table = _frame(board.plan).assign(auroc=values[:, 0], low=low, high=high, normalised=ceiling)
        table = table.assign(gain=gain[:, 0], gain_low=gain[:, 1], gain_high=gain[:, 2], reader=reader.name)
        layer, position = reader.site
        tables.append(table.assign(layer=layer, position=position, selected=reader.is_selected))
    return tables


def normalised(auroc: FloatArray, ceilings: FloatArray) -> FloatArray:
    """Return (auroc - 0.5) / (ceiling - 0.5): 1 is no loss, 0 is chance.

    ``ceilings`` (n_cells, 1 + n_draws) are the diagonal of each cell's column with its draws. Where its 95 %
    interval reaches 0.5 the column has nothing to transfer and the ratio would be noise: NaN.
    """
    usable = intervals(ceilings[:, 1:])[:, 0] > 0.5
    return np.where(usable, (auroc - 0.5) / np.where(usable, ceilings[:, 0] - 0.5, 1.0), np.nan)


def probe_scores(X: FloatArray, boards: Sequence[Board], *, penalty: float) -> list[FloatArray]:
    """Return per matrix the scores (n_trained, n_tested) of probes of X (n_examples, d_model).

    Every row of every matrix is one task of one solve.
    """
    used = np.unique(np.concatenate([_used(board) for board in boards])) if boards else np.array([], np.intp)
    place = np.full(len(X), -1, dtype=np.intp)
    place[used] = np.arange(len(used))
    tasks = [side_task(side, place) for board in boards for side in board.plan.trained.values()]
    scores = iter(linear_scores(X[used], tasks, [penalty], shares_scale=False))
    return [np.array([next(scores)[0][place[board.rows]] for _ in board.plan.trained]) for board in boards]


def _used(board: Board) -> RowIndex:
    sides: list[Side] = list(board.plan.trained.values())
    return np.concatenate([board.rows, *(np.r_[side.positive, side.negative] for side in sides)])


def _word_scores(texts: WordReader, board: Board) -> FloatArray:
    return np.array([texts.scores(side, board.rows)[0] for side in board.plan.trained.values()])


def _pick(plan: Plan, cells: FloatArray) -> FloatArray:
    """Return (n_cells, 1 + n_draws) in the order of ``plan.cells``."""
    rows, columns = _indices(plan)
    return cells[rows, columns]


def _ceilings(plan: Plan, diagonal: FloatArray) -> FloatArray:
    """Return each cell's column on the diagonal (n_cells, 1 + n_draws)."""
    _, columns = _indices(plan)
    return diagonal[columns, columns]


def _indices(plan: Plan) -> tuple[list[int], list[int]]:
    rows, columns = list(plan.trained), list(plan.tested)
    return [rows.index(row) for row, _ in plan.cells], [columns.index(column) for _, column in plan.cells]


def _frame(plan: Plan) -> pd.DataFrame:
    number: Callable[[RowIndex], int] = len
    return pd.DataFrame(
        {
            "kind": plan.kind,
            "trained_on": OTHERS if plan.kind == "category_held_out" else row,
            "tested_on": column,
            "n_train_positive": number(plan.trained[row].positive),
            "n_train_negative": number(plan.trained[row].negative),
            "n_test_positive": number(plan.tested[column].positive),
            "n_test_negative": number(plan.tested[column].negative),
            "train_borrows": plan.trained[row].borrows,
            "test_borrows": plan.tested[column].borrows,
        }
        for row, column in plan.cells
    )
