"""Detached or sintered over all categories, by site, each with the numbers behind it."""

from collections.abc import Iterator, Mapping
from typing import Any

from unsinter.studies.explorer.sheets import Beside, Layout, Sheet, SheetCell, Texts, site_text, words_of
from unsinter.studies.figures.verdict_text import LOOKS
from unsinter.studies.report.evidence.numbers import is_number, with_interval
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.tables.across_columns import ACROSS

_LOOKS = {"detached": "separable", "sintered": "shared"}
"""Decision -> the verdict whose look it has."""

_TARGETS = ("D", "C", "W")


def across_sheets(evidence: RunEvidence, model: str, texts: Texts, beside: Beside) -> Iterator[Sheet]:
    """Yield the sheet of a model: a row per position, a column per layer that was judged."""
    rows = evidence.of("across_categories", model=model)
    if rows.empty:
        return
    positions, layers = sorted(map(str, rows["position"].unique())), sorted(rows["layer"].unique())
    cells = []
    for row in rows.to_dict("records"):
        site, decision = (int(row["layer"]), str(row["position"])), str(row["decision"])
        look = _LOOKS.get(decision, "undetermined")
        chosen = bool(row["selected"])
        cells.append(
            SheetCell(
                row=positions.index(site[1]),
                column=layers.index(site[0]),
                look=f"look {look}{' chosen' if chosen else ''}",
                sign=LOOKS[look].mark,
                small=str(site[0]),
                name=f"{site_text(site)}: {decision}"
                + (", the site chosen in training for wording" if chosen else ""),
                site=site,
                blocks=[
                    texts.words("h3", f"Over all categories, {site_text(site)}: {decision}"),
                    texts.words("p", str(row["statement"])),
                    texts.terms([("reason", words_of(row, "reason"))]),
                    *beside(_TARGETS, site),
                    texts.words("h4", "Numbers behind it"),
                    texts.terms(_numbers(row)),
                ],
            )
        )
    decisions = dict.fromkeys(rows["decision"])
    yield Sheet(
        title="wording of refusals, over all categories",
        rows=positions,
        columns=[str(layer) for layer in layers],
        legend=[_legend(str(decision)) for decision in decisions],
        layouts=[Layout(cells=cells)],
    )


def _legend(decision: str) -> tuple[str, str, str]:
    look = _LOOKS.get(decision, "undetermined")
    return f"look {look}", LOOKS[look].mark, decision


def _numbers(row: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield what each number of the row means and its value with its interval, those that were measured."""
    for column, declared in ACROSS.items():
        is_end = column.endswith(("_low", "_high"))
        if is_end or column == "layer" or not is_number(row.get(column)):
            continue
        is_count = declared.dtype == "whole"
        text = with_interval(row, column, f"{column}_low", f"{column}_high")
        yield f"{column}: {declared.meaning}", f"{row[column]:,.0f}" if is_count else text
    yield "why detection was not compared", words_of(row, "detection_reason")
