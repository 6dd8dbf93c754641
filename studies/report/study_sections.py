"""What the scores rest on: cells, wordings and trials."""

import json
from functools import partial
from typing import Any

import pandas as pd

from unsinter.studies.figures.style import SERIES, colours
from unsinter.studies.figures.tuning import tuning_history
from unsinter.studies.figures.wordings import wording_bars
from unsinter.studies.report.blocks import Block, Cell, Grid, Key, Panels
from unsinter.studies.report.figures import page_figure, variable
from unsinter.studies.report.numbers import score_text
from unsinter.studies.report.run_data import Evidence
from unsinter.studies.report.score_sections import score_grids

ANSWERS = {"refusal": "refused", "partial_refusal": "partly refused", "compliance": "answered"}
OFF_DIAGONAL = ("harmful/compliance", "harmless/refusal")


def cell_blocks(evidence: Evidence) -> list[Block]:
    """Return independent groups per cell of D x R, a row per model."""
    counted = {name: model.get("groups_per_cell") or {} for name, model in evidence.models.items()}
    counted = {name: cells for name, cells in counted.items() if cells}
    if not counted:
        return []
    names = [f"{harm}/{answer}" for harm in ("harmful", "harmless") for answer in ANSWERS]
    names = [
        name for name in names if "partial" not in name or any(cells.get(name) for cells in counted.values())
    ]
    header = [f"{harm}, {ANSWERS[answer]}" for harm, answer in (name.split("/") for name in names)]
    rows = [
        [model, *(_count(cells.get(name, 0), name, evidence.min_groups) for name in names)]
        for model, cells in counted.items()
    ]
    caption = (
        "Detection and refusal can only be told apart by the prompts where they disagree: harmful but "
        f"answered, harmless but refused. Fewer than {evidence.min_groups} there is marked."
    )
    title = "Independent groups of prompts per cell"
    return [Grid(title=title, caption=caption, header=("model", *header), rows=rows)]


def _count(groups: int, cell: str, needed: int) -> str | Cell:
    small = cell in OFF_DIAGONAL and groups < needed
    return Cell(text=f"{groups:,} (too few)", tone="bad") if small else f"{groups:,}"


def wording_blocks(evidence: Evidence) -> list[Block]:
    """Return stacked bars of wordings per category, a panel per model, one palette for all."""
    counted = {name: model.get("wording_by_category") or {} for name, model in evidence.models.items()}
    totals = pd.Series(
        [
            (wording, groups)
            for categories in counted.values()
            for wordings in categories.values()
            for wording, groups in wordings.items()
        ],
        dtype=object,
    )
    if totals.empty:
        return []
    sums: dict[str, int] = {}
    for wording, groups in totals:
        sums[wording] = sums.get(wording, 0) + groups
    kept = sorted(sums, key=lambda name: (-sums[name], name))[: len(SERIES) - 1]
    # A wording may be called "other" itself.
    free = next(name for name in ("other", "all other", "all other wordings") if name not in sums)
    rest = free if len(sums) > len(kept) else None
    palette = colours([*kept, *([rest] if rest else [])])
    figures = []
    for model, categories in counted.items():
        if not categories:
            continue
        folded = {name: _fold(wordings, kept, rest) for name, wordings in sorted(categories.items())}
        largest = "; ".join(f"{name}: {_largest(wordings)}" for name, wordings in folded.items())
        alt = f"Wordings of refusals by category in {model}, most frequent one each. {largest}."
        figure = partial(wording_bars, folded, palette)
        figures.append(page_figure(figure, name=f"wording-{model}", alt=alt, title=model))
    legend = [Key(mark="square", name=name, colour=variable(colour)) for name, colour in palette.items()]
    caption = (
        "Share of each wording among the refusals of a category, in groups. If every bar looks alike, "
        "wording and category are independent; if each category has a colour of its own, wording cannot be "
        "told from category, and a probe of wording must beat the floor that knows the category."
    )
    return [Panels(figures=figures, legend=legend, caption=caption)]


def _fold(wordings: dict[str, int], kept: list[str], rest: str | None) -> dict[str, int]:
    folded = {name: wordings.get(name, 0) for name in kept}
    if rest:
        folded[rest] = sum(groups for name, groups in wordings.items() if name not in kept)
    return folded


def _largest(wordings: dict[str, int]) -> str:
    total = sum(wordings.values())
    name = max(wordings, key=lambda wording: wordings[wording])
    return f"{name} {100 * wordings[name] / total:.0f} % of {total}" if total else "none"


def tuning_blocks(evidence: Evidence) -> list[Block]:
    """Return the history of every tuning study, its budget, and every trial as a table."""
    trials = evidence["trials"]
    if trials.empty:
        return []
    figures, budgets = [], []
    for (model, target), part in trials.groupby(["model", "target"], sort=False):
        states = part["state"].value_counts()
        ends = ", ".join(f"{states.get(state, 0)} {state}" for state in ("complete", "pruned", "failed"))
        best = part.loc[part["state"] == "complete", "value"].max()
        budgets.append(
            [model, target, str(len(part)), ends, score_text(best), f"{part['seconds'].sum():.0f} s"]
        )
        alt = f"Inner score by trial, {model} {target}: {len(part)} trials, {ends}, best {score_text(best)}."
        title = f"{model}: {evidence.target(target).title}"
        name = f"tuning-{model}-{target}"
        figures.append(page_figure(partial(tuning_history, part), name=name, alt=alt, title=title))
    legend = (
        Key(mark="dot", name="complete", colour=variable(SERIES[0])),
        Key(mark="cross", name="pruned", colour=variable(SERIES[1])),
        Key(mark="bar", name="failed", colour="var(--muted)"),
        Key(mark="line", name="best so far"),
    )
    caption = (
        "Score inside the training rows, trial by trial. These are not results: the more trials, the more "
        "the best of them flatters itself. The held-out rows were opened once, for the last best trial."
    )
    return [
        *score_grids(evidence, "tuned", suffix=": tuned probes, held out"),
        Grid(
            title="Trial budget",
            header=("model", "question", "trials", "of them", "best inner score", "time"),
            rows=budgets,
        ),
        Panels(figures=figures, legend=legend, caption=caption),
        _every_trial(trials),
    ]


def _every_trial(trials: pd.DataFrame) -> Grid:
    rows = [
        [
            row["model"],
            row["target"],
            str(row["number"]),
            row["state"],
            score_text(row["value"]),
            row["family"],
            f"{row['layer']}, {row['position']}",
            _parameters(row["params"]),
        ]
        for row in trials.to_dict("records")
    ]
    header = ("model", "question", "trial", "state", "value", "family", "site", "parameters")
    return Grid(title=f"All {len(rows)} trials", header=header, rows=rows, folded=True)


def _parameters(text: Any) -> str:
    try:
        values = json.loads(text)
    except (TypeError, ValueError, OverflowError):
        return str(text)
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )
