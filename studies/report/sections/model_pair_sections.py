"""Several models of one study: how they differ, and what a probe of one reads in another."""

from collections import Counter
from itertools import combinations
from typing import Any

from unsinter.studies.report.evidence.numbers import (
    NOTHING,
    control_text,
    gain_text,
    is_number,
    score_text,
    with_interval,
)
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.blocks import Block, Cell, Grid


def cross_model_blocks(evidence: RunEvidence) -> list[Block]:
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


def _cross_row(evidence: RunEvidence, row: dict[str, Any]) -> list[str | Cell]:
    beside = rivals(evidence, row["to_model"], row["target"])
    sides = [f"{row[f'{side}_model']}, layer {row[f'{side}_layer']}" for side in ("from", "to")]
    if not beside:
        return [str(row["target"]), _HIDDEN, *sides, *[NOTHING] * 4]
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


_HIDDEN = Cell(text="not shown: no floor or control", tone="quiet")


def rivals(evidence: RunEvidence, model: object, target: object) -> dict[str, Any]:
    """Return the row of a target's chosen probe with its floor and control; empty where one is missing."""
    there = evidence.of("results", model=model, target=target, selected=True)
    beside = there.iloc[0].to_dict() if len(there) else {}
    return beside if is_number(beside.get("floor")) and is_number(beside.get("control")) else {}


def difference_blocks(evidence: RunEvidence) -> list[Block]:
    """Return the table of models side by side: scores with their paired difference, and their verdicts."""
    table = evidence["model_differences"]
    rows = table[table["sites"] == "chosen"].to_dict("records") if len(table) else []
    blocks: list[Block] = []
    if rows:
        blocks.append(
            Grid(
                title="Models side by side",
                caption="Each at the site that its own training rows chose, on the held-out prompts that "
                "both were scored on, by its own labels. Difference: second minus first, 95 % interval, "
                "whole groups drawn for both. In brackets the best floor and the control of each. Every "
                "shared site stands in model_differences.parquet.",
                header=(
                    "question",
                    "first",
                    "second",
                    "score of first",
                    "score of second",
                    "difference",
                    "groups",
                ),
                stacked=True,
                rows=[_difference_row(evidence, row) for row in rows],
            )
        )
    return blocks + _verdict_counts(evidence)


def _difference_row(evidence: RunEvidence, row: dict[str, Any]) -> list[str | Cell]:
    sides = [f"{row[f'{side}_model']}, layer {row[f'{side}_layer']}" for side in ("first", "second")]
    beside = [rivals(evidence, row[f"{side}_model"], row["target"]) for side in ("first", "second")]
    if not all(beside):
        return [str(row["target"]), *sides, _HIDDEN, _HIDDEN, NOTHING, f"{row['groups']:,}"]
    scores = [
        f"{score_text(row[f'{side}_score'])} ({score_text(rivals['floor'])} {rivals['floor_name']}, "
        f"{score_text(rivals['control'])} {rivals['control_name']})"
        for side, rivals in zip(("first", "second"), beside, strict=True)
    ]
    differ = row["low"] > 0 or row["high"] < 0
    limits = f"[{gain_text(row['low'])}, {gain_text(row['high'])}]"
    text = f"{gain_text(row['difference'])} {limits}{'' if differ else ', none is shown'}"
    return [
        str(row["target"]),
        *sides,
        *scores,
        Cell(text=text, tone="good" if differ else "quiet"),
        f"{row['groups']:,}",
    ]


def _verdict_counts(evidence: RunEvidence) -> list[Block]:
    """Return at how many sites each model got which verdict, where two models were judged on a pair."""
    if not evidence.has_verdicts:
        return []
    table = evidence["verdicts"]
    rows: list[list[str | Cell]] = []
    for pair, own in table.groupby("pair", sort=False):
        by_model = {str(model): Counter(part["verdict"]) for model, part in own.groupby("model", sort=False)}
        if any(one != other for one, other in combinations(by_model.values(), 2)):
            rows += [[str(pair), model, _counted(counts)] for model, counts in by_model.items()]
    if not rows:
        return []
    return [
        Grid(
            title="Verdicts side by side",
            caption="Over all contrasts and sites of a pair: how often each verdict was given. Only pairs "
            "where models differ are listed.",
            header=("pair", "model", "verdicts"),
            stacked=True,
            rows=rows,
        )
    ]


def _counted(counts: "Counter[str]") -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.most_common())
