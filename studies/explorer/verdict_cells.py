"""Verdicts by site, each with the evidence that it opens."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from unsinter.studies.explorer.sheets import (
    Beside,
    Block,
    Layout,
    Sheet,
    SheetCell,
    Site,
    Texts,
    site_text,
    words_of,
)
from unsinter.studies.figures.verdict_text import LOOKS, chosen_site, factors_of, summary_rows
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

_CLASSES = ("class against the rest", "verdict", "A", "B", "reason")


def verdict_sheets(evidence: RunEvidence, model: str, texts: Texts, beside: Beside) -> Iterator[Sheet]:
    """Yield a sheet per pair of a model: a row per position, a column per layer.

    None where nothing was judged, or in columns that the report does not show either.
    """
    if not evidence.has_verdicts:
        return
    rows = evidence.of("verdicts", model=model)
    results = None if evidence["results"].empty else evidence["results"]
    for pair, part in summary_rows(rows).groupby("pair", sort=False):
        first, second = factors_of(part)
        chosen, how = chosen_site(part, results)
        contrasts = _by_site(rows[(rows["pair"] == pair) & ~rows["is_summary"].astype(bool)])
        positions, layers = sorted(part["position"].unique()), sorted(part["layer"].unique())
        cells = []
        for row in part.sort_values(["position", "layer"], kind="stable").to_dict("records"):
            site = int(row["layer"]), str(row["position"])
            speaks = how if site == (int(chosen["layer"]), str(chosen["position"])) else ""
            scores = beside([str(row["first"]), str(row["second"])], site)
            look = LOOKS[str(row["verdict"])]
            cells.append(
                SheetCell(
                    row=positions.index(row["position"]),
                    column=layers.index(row["layer"]),
                    look=f"look {row['verdict']}{' chosen' if speaks else ''}",
                    sign=look.mark,
                    small=str(site[0]),
                    name=f"{site_text(site)}: {look.plain}"
                    + (", the site that speaks for the pair" if speaks else ""),
                    site=site,
                    blocks=[
                        *_blocks(row, texts, speaks),
                        *scores,
                        *_evidence(row, texts),
                        *_class_by_class(contrasts.get(site, []), texts),
                    ],
                )
            )
        seen = set(part["verdict"])
        yield Sheet(
            title=f"{pair}: {first} and {second}",
            rows=[str(position) for position in positions],
            columns=[str(layer) for layer in layers],
            legend=[
                (f"look {name}", look.mark, f"{look.plain}: {look.meaning}")
                for name, look in LOOKS.items()
                if name in seen
            ],
            layouts=[Layout(cells=cells)],
        )


def _blocks(row: dict[Any, Any], texts: Texts, speaks: str) -> Iterator[Block]:
    """Yield what is said of a site; ``speaks`` is why it speaks for the pair, empty where it does not."""
    look, site = LOOKS[str(row["verdict"])], (int(row["layer"]), str(row["position"]))
    yield texts.words("h3", f"{row['pair']}, {site_text(site)}: {look.plain}")
    also = f" This site speaks for the pair: {speaks}." if speaks else ""
    yield texts.words("p", f"{look.meaning[0].upper()}{look.meaning[1:]}.{also}")
    yield texts.terms(
        [("reason", words_of(row, "reason")), ("what would settle it", words_of(row, "settles"))]
    )


def _evidence(row: dict[Any, Any], texts: Texts) -> Iterator[Block]:
    yield texts.words("h4", "Evidence, with bands that hold for all sites")
    yield texts.terms(_statistics(row))


def _statistics(row: dict[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield what each statistic is called and its value, those that were measured."""
    for name, text in evidence_texts(row).items():
        if name not in _PLAIN and text.strip("\u2013; "):
            yield name, text
    for column in _DECIDING:
        if is_number(row.get(column)):
            text = with_interval(row, column, f"{column}_low", f"{column}_high")
            yield _meaning(column), text
    yield "used by the model", words_of(row, "used")


def _meaning(column: str) -> str:
    """Return what a column means; of one that measures the second factor as another does the first, both."""
    like = VERDICTS[column].like
    return (
        f"of the second factor as of the first: {VERDICTS[like].meaning}"
        if like
        else VERDICTS[column].meaning
    )


def _by_site(rows: pd.DataFrame) -> dict[Site, list[dict[Any, Any]]]:
    by_site: dict[Site, list[dict[Any, Any]]] = {}
    for row in rows.to_dict("records"):
        by_site.setdefault((int(row["layer"]), str(row["position"])), []).append(row)
    return by_site


def _class_by_class(rows: Sequence[dict[Any, Any]], texts: Texts) -> list[Block]:
    if not rows:
        return []
    lines = [
        [
            f"{row['first_class']} / {row['second_class']}",
            LOOKS[str(row["verdict"])].plain,
            *(with_interval(row, name, f"{name}_low", f"{name}_high") for name in ("a", "b")),
            words_of(row, "reason"),
        ]
        for row in rows
    ]
    return [
        texts.words("h4", f"Class by class ({len(lines)})"),
        texts.table("class by class", _CLASSES, lines),
    ]
