"""Scores of every row from linear fits on activations: all tasks of a site at once."""

from collections.abc import Sequence

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.families.linear import logistic_solver
from unsinter.probes.families.registry import LOGISTIC
from unsinter.probes.logistic.stopping import usual_tolerance
from unsinter.probes.tasks import Task
from unsinter.studies.transfer.plans import RowIndex, Side

FAMILY = LOGISTIC
"""Family of every probe that is fitted for a transfer, whichever the study's sweep uses."""

STRICTER = 0.1
"""Share of the usual tolerance: cells are then within .002 of those of fits solved to 1e-7."""


def linear_scores(
    X: FloatArray, tasks: Sequence[Task], penalties: Sequence[float], *, shares_scale: bool = True
) -> list[FloatArray]:
    """Return log-odds (n_penalties, n_examples) of class 1 per two-class task, for held-out rows too."""
    if not tasks:
        return []
    n_rows = int(np.any([task.trains for task in tasks], axis=0).sum())
    fits = logistic_solver(X).fit(
        tasks, penalties, tolerance=STRICTER * usual_tolerance(n_rows), shares_scale=shares_scale
    )
    return [fit.scores for fit in fits]


def side_task(side: Side, place: RowIndex) -> Task:
    """Return harmful against harmless on the rows of a side; ``place`` maps row to row of X, -1 if none."""
    codes = np.full(int(place.max()) + 1, -1)
    codes[place[side.positive]] = 1
    codes[place[side.negative]] = 0
    return Task(codes=codes, n_classes=2)
