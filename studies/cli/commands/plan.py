"""What `plan` does: the size of a study in, how often the verdict would be right out."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unsinter.features.worlds.knobs import CELLS
from unsinter.studies.data.dataset import make_dataset
from unsinter.studies.data.load import study_prompts
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.inputs.study_pairs import study_pairs
from unsinter.studies.separation.power import Frequency, PowerPlan, parse_cells, plan_table
from unsinter.studies.study.cells import CELL_WORDS
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.target_names import check_pairs
from unsinter.studies.study.targets import definition_of
from unsinter.studies.tables.columns import Table
from unsinter.studies.workers.backend import HERE, Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What `unsinter plan` was given; see ``PowerPlan``."""

    cells: str | None
    n: int | None
    phi: float | None
    auc: float
    d: int
    n_categories: int
    n_worlds: int
    seed: int
    n_jobs: int
    study: Path | None = None
    pair: str | None = None
    backend: Backend = HERE


def plan_verb(request: PlanRequest) -> Table:
    """Return a row per planted truth: how often a study of this size calls it right, wrong or not at all.

    Raises
    ------
    StudyError : no size or two sizes, one that cannot be drawn, or a pair that the study's records do not
        have.
    """
    about = ""
    if request.study is not None or request.pair is not None:
        request, about = _with_cells(request)
    by_n = request.n is not None and request.phi is not None
    if (request.cells is None) != by_n or (request.cells and (request.n, request.phi) != (None, None)):
        raise StudyError(
            "give the prompts per cell, as --cells 300,40,40,300 (both factors, the first only, the second "
            f"only, neither; of D-R: {'; '.join(CELL_WORDS.values())}), or --n and --phi, or --study and "
            "--pair."
        )
    try:
        plan = PowerPlan(
            cells=parse_cells(request.cells) if request.cells else None,
            n=request.n,
            phi=request.phi,
            auc=request.auc,
            d=request.d,
            n_categories=request.n_categories,
            n_worlds=request.n_worlds,
            seed=request.seed,
        )
        with request.backend.working():
            rows = plan_table(plan, n_jobs=request.n_jobs)
    except (ValueError, TypeError) as error:
        raise StudyError(str(error)) from error
    size = f"cells {request.cells}" if request.cells else f"n {request.n}, phi {request.phi:g}"
    title = (
        f"{about}{size}: verdicts on {plan.n_worlds} planted worlds each, best AUROC {plan.auc:g}, d {plan.d}"
    )
    header = ("world", "truth", "called right", "called wrong", "undetermined", "commonest reason")
    return (
        title,
        header,
        [
            (row.world, row.truth, *map(_share_text, (row.right, row.wrong, row.undetermined)), row.reason)
            for row in rows
        ],
    )


def _with_cells(request: PlanRequest) -> tuple[PlanRequest, str]:
    """Return the request with the cells that a pair of a study has in its records, and their name."""
    if (
        request.study is None
        or request.pair is None
        or (request.cells, request.n, request.phi) != (None, None, None)
    ):
        raise StudyError("--study and --pair go together, and take the place of --cells, --n and --phi.")
    study = load_study(request.study)
    try:
        check_pairs([request.pair], (), study.targets)
    except ValueError as error:
        raise StudyError(f"{request.study}: {error}.") from error
    dataset = make_dataset(study_prompts(study), study)
    answers = dataset.recorded.get(study.responses.model or "") if study.responses else None
    needing = [name for name in request.pair.split("-") if definition_of(name).needs_answers]
    if needing and answers is None:
        raise StudyError(
            f"{request.study}: the labels of {needing[0]} are made when the study runs (no responses.path); "
            "give --cells."
        )
    contrasts, left_out = study_pairs(
        dataset,
        answers or [None] * len(dataset.prompts),
        study.separation.model_copy(update={"pairs": (request.pair,)}),
        targets=study.targets,
        is_present=np.ones(len(dataset.prompts), dtype=bool),
    )
    if not contrasts:
        reason = left_out.get(request.pair) or Reason("labels-not-studied")
        raise StudyError(f"{request.study}: the pair {request.pair} has nothing to plan: {reason}.")
    fullest = max(contrasts, key=lambda contrast: min(contrast.pair.groups_per_cell().values()))
    counts = fullest.pair.groups_per_cell()
    cells = ",".join(str(counts[name]) for name in CELLS)
    about = f"{request.pair} ({fullest.first_class}, {fullest.second_class}), groups in "
    return replace(request, cells=cells), about


def _share_text(share: Frequency) -> str:
    return f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"
