"""Across models: what a probe says of another model's activations."""

from typing import Any

from unsinter.studies.report.blocks import Block, Cell, Grid
from unsinter.studies.report.numbers import NOTHING, control_text, is_number, score_text, with_interval
from unsinter.studies.report.run_data import Evidence


def cross_model_blocks(evidence: Evidence) -> list[Block]:
    """Return the table of probes carried from one model to another, beside floor and control there."""
    table = evidence["cross_model"]
    if table.empty:
        return []
    rows = [_cross_row(evidence, row) for row in table.to_dict("records")]
    return [
        Grid(
            title="Carried probes",
            caption="A probe of one model, carried to another by a linear map between their activations. "
            "Native: the probe trained there. R²: how much of the activations the map explains.",
            header=("question", "carried", "from", "to", "native", "best floor there", "control there", "R²"),
            stacked=True,
            rows=rows,
        )
    ]


def _cross_row(evidence: Evidence, row: dict[str, Any]) -> list[str | Cell]:
    there = evidence.of("results", model=row["to_model"], target=row["target"], selected=True)
    beside = there.iloc[0].to_dict() if len(there) else {}
    sides = [f"{row[f'{side}_model']}, layer {row[f'{side}_layer']}" for side in ("from", "to")]
    if not (is_number(beside.get("floor")) and is_number(beside.get("control"))):
        hidden = Cell(text="not shown: no floor or control", tone="quiet")
        return [str(row["target"]), hidden, *sides, *[NOTHING] * 4]
    above = is_number(row["low"]) and row["low"] > beside["floor"]
    text = f"{with_interval(row, 'auroc', 'low', 'high')}, {'' if above else 'not '}above the floor"
    return [
        str(row["target"]),
        Cell(text=text, tone="good" if above else "bad"),
        *sides,
        score_text(row["native"]),
        f"{score_text(beside['floor'])} {beside['floor_name']}",
        control_text(beside),
        score_text(row["r2"]),
    ]
