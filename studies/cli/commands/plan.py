"""What `plan` does: the size of a study in, how often the verdict would be right out."""

from dataclasses import dataclass

from unsinter.studies.separation.power import Plan, Share, parse_cells, plan_table
from unsinter.studies.study.file import StudyError
from unsinter.studies.tables.columns import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What `unsinter plan` was given; see ``Plan``."""

    cells: str | None
    n: int | None
    phi: float | None
    auc: float
    d: int
    n_categories: int
    n_worlds: int
    seed: int
    n_jobs: int


def plan_verb(asked: PlanRequest) -> Table:
    """Return a row per planted truth: how often a study of this size calls it right, wrong or not at all.

    Raises
    ------
    StudyError : no size or two sizes, or one that cannot be drawn.
    """
    by_n = asked.n is not None and asked.phi is not None
    if (asked.cells is None) != by_n or (asked.cells and (asked.n, asked.phi) != (None, None)):
        raise StudyError(
            "give the prompts per cell, as --cells 300,40,40,300 (harmful and refused, harmful and answered, "
            "harmless and refused, harmless and answered), or --n and --phi."
        )
    try:
        plan = Plan(
            cells=parse_cells(asked.cells) if asked.cells else None,
            n=asked.n,
            phi=asked.phi,
            auc=asked.auc,
            d=asked.d,
            n_categories=asked.n_categories,
            n_worlds=asked.n_worlds,
            seed=asked.seed,
        )
        rows = plan_table(plan, n_jobs=asked.n_jobs)
    except (ValueError, TypeError) as error:
        raise StudyError(str(error)) from error
    size = f"cells {asked.cells}" if asked.cells else f"n {asked.n}, phi {asked.phi:g}"
    title = f"{size}: verdicts on {plan.n_worlds} planted worlds each, best AUROC {plan.auc:g}, d {plan.d}"
    header = ("world", "truth", "called right", "called wrong", "undetermined", "commonest reason")
    return (
        title,
        header,
        [
            (row.world, row.truth, *map(_told, (row.right, row.wrong, row.undetermined)), row.reason)
            for row in rows
        ],
    )


def _told(share: Share) -> str:
    return f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"
