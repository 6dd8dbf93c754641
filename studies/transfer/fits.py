"""Scores of every row from linear fits on activations: all tasks of a site at once."""

from collections.abc import Sequence

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.families.family import Conditions
from unsinter.probes.families.registry import LOGISTIC
from unsinter.probes.tasks import Task
from unsinter.studies.transfer.plans import RowIndex, Side

FAMILY = LOGISTIC
"""Family of every probe that is fitted for a transfer, whichever the study's sweep uses."""


def linear_scores(X: FloatArray, tasks: Sequence[Task], penalties: Sequence[float]) -> list[FloatArray]:
    """Return log-odds (n_penalties, n_examples) of class 1 per two-class task, for held-out rows too."""
    if not tasks:
        return []
    return [fit.scores for fit in FAMILY.make_solver(X, Conditions()).fit(tasks, penalties)]


def side_task(side: Side, place: RowIndex) -> Task:
    """Return harmful against harmless on the rows of a side; ``place`` maps row to row of X, -1 if none."""
    codes = np.full(int(place.max()) + 1, -1)
    codes[place[side.positive]] = 1
    codes[place[side.negative]] = 0
    return Task(codes=codes, n_classes=2)
