"""What came out: every chosen score beside its floor and control; scores by layer; the two-axis picture."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from unsinter.probes.families.registry import title_of
from unsinter.studies.figures.scores import DotRow, dot_rows
from unsinter.studies.figures.style import colours
from unsinter.studies.report.answers.answer import Claim, judge
from unsinter.studies.report.evidence.numbers import (
    NOTHING,
    control_text,
    floor_phrase,
    gain_of,
    is_number,
    metric_of,
    p_text,
    score_of,
    score_text,
    site_of,
    with_interval,
)
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.blocks import Block, Cell, Grid, Key, Panels
from unsinter.studies.report.sections.figures import page_figure
from unsinter.studies.tables.columns import RESULTS

SCORE_HEADER = ("question", "what it shows", "score", "best floor", "gain", "control", "p", "probe and site")
MEASURES = tuple(name for name, column in RESULTS.items() if column.title)
"""Columns of results in the folded table, under their titles."""


def score_blocks(evidence: RunEvidence, claims: Sequence[Claim]) -> list[Block]:
    """Return the picture and the table of all chosen probes, with floors and further measures folded."""
    blocks: list[Block] = []
    shown = [claim for claim in claims if claim.shown]
    if shown:
        blocks.append(_overview(evidence, shown))
    blocks += score_grids(evidence, "selected")
    if rows := [row for column in ("selected", "tuned") for row in _chosen_rows(evidence, column)]:
        blocks.append(_measures(rows))
    if len(evidence["floors"]):
        blocks.append(_floors(evidence["floors"]))
    return blocks


def score_grids(evidence: RunEvidence, column: str, *, suffix: str = "") -> list[Block]:
    """Return a table per model of the probes that are ``selected``, or of those that are ``tuned``."""
    rows = _chosen_rows(evidence, column)
    return [
        Grid(
            title=f"{model}{suffix}",
            header=SCORE_HEADER,
            rows=[
                _score_row(row, evidence.target(row["target"]).title) for row in rows if row["model"] == model
            ],
            stacked=True,
        )
        for model in evidence.models
        if any(row["model"] == model for row in rows)
    ]


def _chosen_rows(evidence: RunEvidence, column: str) -> list[dict[str, Any]]:
    results = evidence["results"]
    if results.empty:
        return []
    order = list(evidence.targets)
    return sorted(
        results[results[column]].to_dict("records"), key=lambda row: order.index(str(row["target"]))
    )


def _overview(evidence: RunEvidence, claims: Sequence[Claim]) -> Panels:
    figures = []
    for model in dict.fromkeys(claim.model for claim in claims):
        mine = [claim for claim in claims if claim.model == model]
        palette = colours(evidence.targets)
        rows = [
            DotRow(
                label=f"{evidence.target(claim.target).title}, {metric_of(claim.row)}",
                value=claim.row["score"],
                low=claim.row["score_low"],
                high=claim.row["score_high"],
                floor=claim.row["floor"],
                control=claim.row["control"],
                colour=palette[claim.target],
                stands=claim.stands,
                control_low=claim.row.get("control_low", float("nan")),
                control_high=claim.row.get("control_high", float("nan")),
            )
            for claim in mine
        ]
        scores = "; ".join(
            f"{c.target} {score_of(c.row)}, floor {score_text(c.row['floor'])}, "
            f"{'beats its floor' if c.stands else 'does not stand'}"
            for c in mine
        )
        figure = partial(dot_rows, rows, xlabel="held-out score", left=0.0)
        alt = f"Scores of {model} beside their floors: {scores}."
        figures.append(page_figure(figure, name=f"overview-{model}", alt=alt, title=model))
    return Panels(
        figures=figures,
        legend=(
            Key(mark="dot", name="score and 95 % interval: it stands"),
            Key(mark="ring", name="it does not"),
            Key(mark="bar", name="best floor"),
            Key(mark="cross", name="control, and its interval", colour="var(--muted)"),
        ),
        caption=(
            "Held-out score of the probe that the training rows chose. Read the distance from the bar to "
            "the dot, not the dot alone: the bar is what a reader of the prompt's text or labels scores "
            "without any model."
        ),
    )


def _score_row(row: dict[str, Any], title: str) -> list[str | Cell]:
    claim = judge(str(row["model"]), str(row["target"]), row)
    family = title_of(str(row["family"]))
    trial = f", trial {row['trial']}" if row["tuned"] else ""
    probe = f"{family}{trial}, {site_of(row)}"
    name = f"{title}, {metric_of(row)}"
    if not claim.shown:
        claim_cell = Cell(text=f"not shown: {claim.against[0]}", tone="quiet")
        return [name, claim_cell, *[NOTHING] * 5, probe]
    if claim.stands:
        also = f"; {claim.beside}" if claim.beside else ""
        claim_cell = Cell(text=f"beats its floor{also}", tone="good")
    elif not row["beats_floor"]:
        claim_cell = Cell(text="does not beat its floor", tone="bad")
    else:
        claim_cell = Cell(text=f"does not stand: {claim.against[0]}", tone="bad")
    floor = f"{score_text(row['floor'])} {row['floor_name']}"
    p = p_text(row["p_value"]).removeprefix("p ").removeprefix("= ")
    ceiling = f"; ceiling {score_text(row['ceiling'])}" if is_number(row.get("ceiling")) else ""
    return [name, claim_cell, f"{score_of(row)}{ceiling}", floor, gain_of(row), control_text(row), p, probe]


def _measures(rows: Sequence[dict[str, Any]]) -> Grid:
    shown = [row for row in rows if judge(str(row["model"]), str(row["target"]), row).shown]
    names = [name for name in MEASURES if any(is_number(row.get(name)) for row in shown)]
    table = [
        [
            str(row["model"]),
            f"{row['target']}{', tuned' if row['tuned'] else ''}",
            *(_measure(row, name) for name in names),
        ]
        for row in shown
    ]
    return Grid(
        title="Further measures of the same probes: activation controls, calibration, fixed thresholds",
        header=("model", "question", *(RESULTS[name].title for name in names)),
        rows=table,
        folded=True,
    )


def _measure(row: dict[str, Any], name: str) -> str:
    if name == "compression" and is_number(row.get(name)):
        return f"{row[name]:.1f} \u00d7"
    if name == "shuffled" and is_number(row.get("shuffled_sd")):
        return f"{score_text(row[name])} \u00b1 {score_text(row['shuffled_sd'])}"
    return score_text(row.get(name))


def _floors(floors: pd.DataFrame) -> Grid:
    rows = [
        [row["model"], row["target"], floor_phrase(row["floor"]), row["kind"],
         with_interval(row, "score", "score_low", "score_high")]
        for row in floors.to_dict("records")
    ]  # fmt: skip
    header = ("model", "question", "what is known", "kind", "score")
    return Grid(title="Every floor", header=header, rows=rows, folded=True)
