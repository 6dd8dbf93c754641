"""Verdicts by site, each with the evidence that it opens."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from unsinter.studies.explorer.interned import Texts
from unsinter.studies.figures.verdict_text import chosen_site, factors_of, summary_rows
from unsinter.studies.report.evidence.numbers import is_number, with_interval
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.evidence.verdict_numbers import evidence_texts
from unsinter.studies.tables.columns import VERDICTS

_DECIDING = (
    "distance_first", "distance_second", "angle", "beyond_first", "beyond_second", "along_first",
    "along_second", "mixed", "like", "interaction", "clumps", "bound_first", "bound_second",
    "nonlinear_first", "nonlinear_second", "hidden_first", "hidden_second",
)  # fmt: skip
"""Columns that the rule reads, beside those that stand in the report's table."""

_PLAIN = ("verdict", "besides")
"""Of the report's evidence what a cell shows elsewhere."""


def verdict_maps(evidence: RunEvidence, model: str, texts: Texts) -> list[dict[str, Any]]:
    """Return a map per pair of a model: its cells, one per site, and the contrasts behind them.

    Empty where nothing was judged, or in columns that the report does not show either.
    """
    if not evidence.has_verdicts:
        return []
    rows = evidence.of("verdicts", model=model)
    results = None if evidence["results"].empty else evidence["results"]
    maps = []
    for pair, part in summary_rows(rows).groupby("pair", sort=False):
        first, second = factors_of(part)
        chosen, how = chosen_site(part, results)
        single = rows[(rows["pair"] == pair) & ~rows["is_summary"].astype(bool)]
        maps.append(
            {
                "pair": str(pair),
                "title": f"{pair}: {first} and {second}",
                "targets": [str(part["first"].iloc[0]), str(part["second"].iloc[0])],
                "chosen": [int(chosen["layer"]), str(chosen["position"])],
                "how": how,
                "cells": [_cell(row, texts) for row in _records(part)],
                "contrasts": [_contrast(row, texts) for row in _records(single)],
            }
        )
    return maps


def _records(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    return rows.sort_values(["position", "layer"], kind="stable").to_dict("records")


def _cell(row: dict[Any, Any], texts: Texts) -> list[Any]:
    """Return layer, position, verdict, then places in ``texts``: reason, what would settle it, evidence."""
    pairs = [texts.place(name) for pair in _evidence(row) for name in pair]
    return [
        int(row["layer"]), str(row["position"]), str(row["verdict"]), texts.place(_words(row, "reason")),
        texts.place(_words(row, "settles")), pairs,
    ]  # fmt: skip


def _words(row: dict[Any, Any], column: str) -> str:
    value = row.get(column)
    return "" if value is None or pd.isna(value) else str(value)


def _evidence(row: dict[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield what each statistic is called and its value, those that were measured."""
    for name, text in evidence_texts(row).items():
        if name not in _PLAIN and text.strip("\u2013; "):
            yield name, text
    for column in _DECIDING:
        if is_number(row.get(column)):
            text = with_interval(row, column, f"{column}_low", f"{column}_high")
            yield _meaning(column), text
    used = _words(row, "used")
    if used:
        yield "used by the model", used


def _meaning(column: str) -> str:
    """Return what a column means; of one that measures the second factor as another does the first, both."""
    like = VERDICTS[column].like
    return (
        f"of the second factor as of the first: {VERDICTS[like].meaning}"
        if like
        else VERDICTS[column].meaning
    )


def _contrast(row: dict[Any, Any], texts: Texts) -> list[Any]:
    """Return layer, position, the two classes, verdict, and A and B, as places in ``texts`` where long."""
    both = [with_interval(row, name, f"{name}_low", f"{name}_high") for name in ("a", "b")]
    return [
        int(row["layer"]), str(row["position"]), texts.place(f"{row['first_class']} / {row['second_class']}"),
        str(row["verdict"]), *both, texts.place(_words(row, "reason")),
    ]  # fmt: skip
