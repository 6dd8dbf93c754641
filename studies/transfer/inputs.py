"""What the tables of transfer are made of: a model's activations and answers, and what a study asks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.site_readers import ReadSite
from unsinter.studies.data.sites import Site
from unsinter.studies.data.targets import Target
from unsinter.studies.study.run_options import Progress, silent
from unsinter.studies.transfer.held_out_splits import HeldOutKind
from unsinter.studies.transfer.plans import KINDS, Kind, Labels, RowIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSites:
    """The activations of one model on the prompts of a study.

    Attributes
    ----------
    model : its name in the tables.
    sites : in the order of the tables.
    present : rows that have activations.
    progress : called with finished sites.
    n_jobs : processes that fit.
    """

    model: str
    read: ReadSite
    sites: Sequence[Site]
    dataset: Dataset
    present: RowIndex
    progress: Progress = silent
    n_jobs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wordings:
    """How a model answered each prompt.

    Attributes
    ----------
    labels : (n_prompts,) wording of each refusal, empty where not refused.
    answered : (n_prompts,) prompts that were answered; None takes those without a wording.
    """

    labels: Labels
    answered: NDArray[np.bool_] | None = None

    @property
    def is_answered(self) -> NDArray[np.bool_]:
        """Prompts that were answered (n_prompts,)."""
        return self.labels == "" if self.answered is None else self.answered


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixSettings:
    """Which matrices, and how their probes are fitted.

    Attributes
    ----------
    best : the site chosen for the target inside the training rows; marks ``selected``.
    penalty : L2 penalty of every probe, as chosen for the target inside the training rows.
    min_groups : fewest groups of a category, wording or source.
    target : of two classes, as the study's own; None is D.
    """

    best: Site
    penalty: float
    min_groups: int
    kinds: Sequence[Kind] = KINDS
    target: Target | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOutSettings:
    """What is held out, and how the probes of the rest are chosen.

    Attributes
    ----------
    penalties, inner_folds : tried with every site on so many grouped folds of the rows that remain.
    min_groups : fewest groups of a source or category, and of either class among the rows that remain.
    target : of two classes, as the study's own; None is D.
    """

    penalties: Sequence[float]
    inner_folds: int
    min_groups: int
    kinds: Sequence[HeldOutKind] = ("source", "category")
    target: Target | None = None
