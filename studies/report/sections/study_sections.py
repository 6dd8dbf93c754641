"""What the scores rest on: cells, answers, prompts by source, wordings and trials."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd

from unsinter.studies.figures.style import SERIES, colours
from unsinter.studies.figures.tuning import tuning_history
from unsinter.studies.figures.wordings import wording_bars
from unsinter.studies.report.evidence.numbers import NOTHING, score_text
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.blocks import Block, Cell, Command, Grid, Key, Panels
from unsinter.studies.report.sections.figures import page_figure, variable
from unsinter.studies.report.sections.score_sections import score_grids
from unsinter.studies.study.built_in_targets import HARM
from unsinter.studies.study.cells import ANSWER_WORDS, OFF_DIAGONAL

_KINDS = (*ANSWER_WORDS, "unlabelled")


def cell_blocks(evidence: RunEvidence) -> list[Block]:
    """Return independent groups per cell of D x R, a row per model."""
    counted = {name: model.get("groups_per_cell") or {} for name, model in evidence.models.items()}
    counted = {name: cells for name, cells in counted.items() if cells}
    if not counted:
        return []
    names = [f"{harm}/{answer}" for harm in HARM.values() for answer in ANSWER_WORDS]
    names = [
        name for name in names if "partial" not in name or any(cells.get(name) for cells in counted.values())
    ]
    header = [f"{harm}, {ANSWER_WORDS[answer]}" for harm, answer in (name.split("/") for name in names)]
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
    small = tuple(cell.split("/")) in OFF_DIAGONAL and groups < needed
    return Cell(text=f"{groups:,} (too few)", tone="bad") if small else f"{groups:,}"


def wording_blocks(evidence: RunEvidence) -> list[Block]:
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


def tuning_blocks(evidence: RunEvidence) -> list[Block]:
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


def answer_blocks(evidence: RunEvidence) -> list[Block]:
    """Return refusal rates, prompts by source, and a rendered prompt per model; nothing of earlier runs."""
    blocks: list[Block] = []
    if rows := [
        _rates(name, part["answers"]) for name, part in evidence.models.items() if part.get("answers")
    ]:
        blocks.append(
            Grid(
                title="What was refused",
                caption="Prompts, not groups. Labels of our rules are read by no one: where a model hardly "
                "refuses, half of what they call a refusal may be their own error.",
                header=(
                    "model", "harmful refused", "harmless refused", "in part", "without a label", "answers",
                    "labelled by",
                ),
                rows=rows,
                stacked=True,
            )
        )  # fmt: skip
    if sources := evidence.summary.get("sources"):
        blocks.append(
            Grid(
                title="Prompts by source",
                caption="Where harmful and harmless prompts are from different sources, form may pass for "
                "harm: the matrix of sources shows whether a probe of one works in another.",
                header=("source", "harmful", "harmless", "unlabelled"),
                rows=[_source(name, own) for name, own in sources.items()],
                folded=len(sources) > 12,
            )
        )
    blocks += _rendered(evidence)
    return blocks


def _rates(model: str, facts: Mapping[str, Any]) -> list[str | Cell]:
    counts = _mapping(facts.get("counts"))
    everyone = [own for own in counts.values() if isinstance(own, Mapping)]
    totals = {name: sum(_number(own.get(name)) for own in everyone) for name in _KINDS}
    labelled = _mapping(facts.get("labelled_by"))
    by = "; ".join(f"{who} ({_number(n):,})" for who, n in labelled.items())
    return [
        model,
        *(_rate(_mapping(counts.get(harm))) for harm in HARM.values()),
        f"{totals['partial_refusal']:,}",
        f"{totals['unlabelled']:,}",
        str(facts.get("made", NOTHING)),
        by or NOTHING,
    ]


def _rate(own: Mapping[str, Any]) -> str | Cell:
    """Return refused of labelled prompts, as 205 of 288 (71 %)."""
    refused, n = _number(own.get("refusal")), sum(_number(own.get(name)) for name in _KINDS[:3])
    if not n:
        return NOTHING
    text = f"{refused:,} of {n:,} ({100 * refused / n:.0f} %)"
    return text if 0 < refused < n else Cell(text=text, tone="bad")


def _source(name: str, own: Mapping[str, Any]) -> list[str | Cell]:
    return [name or "unknown", *(f"{_number(own.get(harm)):,}" for harm in (*HARM.values(), "unknown"))]


def _rendered(evidence: RunEvidence) -> Iterator[Command]:
    for model, part in evidence.models.items():
        text = part.get("rendered")
        if isinstance(text, str) and text:
            yield Command(text=text, title=f"{model}: a prompt as the model read it", folded=True)


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
