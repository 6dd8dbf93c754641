"""Separation verdicts on the page: maps, the rule, evidence by layer, and every number behind each call."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from unsinter.studies.figures.verdict_text import (
    LOOKS,
    STATISTICS,
    Thresholds,
    chosen_site,
    factors_of,
    reasons_of,
    summary_rows,
    thresholds_of,
)
from unsinter.studies.figures.verdicts import CURVES, evidence_panel, verdict_panel
from unsinter.studies.report.evidence.numbers import site_of, with_interval
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.evidence.verdict_numbers import evidence_texts
from unsinter.studies.report.sections.blocks import Block, Cell, Grid, Key, Panels
from unsinter.studies.report.sections.figures import PageFigure, page_figure, variable, verdict_variable
from unsinter.studies.report.sections.rule_table import rule_table
from unsinter.studies.study.verdict_defaults import CHANCE

TONES = {"separable": "good", "shared": "bad"}
_SHORT = {"a": "A", "b": "B", "o_first": "O first", "o_second": "O second"}


def verdict_blocks(evidence: RunEvidence) -> list[Block]:
    """Return maps, rule and evidence of every model and pair; nothing where no verdict was made."""
    if not evidence.has_verdicts:
        return []
    thresholds = thresholds_of(evidence.study)
    blocks: list[Block] = []
    for model in evidence.models:
        parts = _pairs(evidence, model)
        if measured := [part for part in parts if _is_measured(part[1])]:
            blocks.append(_maps(evidence, model, measured))
        if silent := [part for part in parts if not _is_measured(part[1])]:
            blocks.append(_unmeasured(model, silent))
    blocks.append(rule_table(thresholds, is_earlier=bool(evidence["verdicts"]["angle"].isna().all())))
    for model in evidence.models:
        parts = _pairs(evidence, model)
        if figures := [figure for pair, rows in parts for figure in _curves(model, pair, rows, thresholds)]:
            blocks.append(_curve_panels(model, figures, thresholds))
        for pair, rows in parts:
            blocks += [_every_site(model, pair, rows)] if _is_measured(rows) else []
            blocks += _contrasts(evidence, model, pair)
    return blocks


def _pairs(evidence: RunEvidence, model: str) -> list[tuple[str, pd.DataFrame]]:
    rows = summary_rows(evidence.of("verdicts", model=model))
    return [(str(pair), part) for pair, part in rows.groupby("pair", sort=False)]


def _is_measured(rows: pd.DataFrame) -> bool:
    """Whether any site has a verdict or a number to show: a map of nothing but open sites shows none."""
    return bool((rows["verdict"] != "undetermined").any() or rows[list(STATISTICS)].notna().any(axis=None))


def _unmeasured(model: str, parts: list[tuple[str, pd.DataFrame]]) -> Grid:
    """Return the pairs of which no site has a number, each in one line with the reason."""
    rows = [
        [_title(pair, own), f"{len(own)}", "; ".join(reason for reason, _ in reasons_of(own)[:2])]
        for pair, own in parts
    ]
    return Grid(
        title=f"{model}: pairs that could not be judged at any site",
        header=("pair", "sites", "why"),
        rows=rows,
        stacked=True,
        wrapped=True,
    )


def _results(evidence: RunEvidence) -> pd.DataFrame | None:
    return None if evidence["results"].empty else evidence["results"]


def _title(pair: str, rows: pd.DataFrame) -> str:
    first, second = factors_of(rows)
    return f"{pair}: {first} and {second}"


def _maps(evidence: RunEvidence, model: str, parts: list[tuple[str, pd.DataFrame]]) -> Panels:
    figures = []
    for pair, rows in parts:
        row, _ = chosen_site(rows, _results(evidence))
        figure = partial(verdict_panel, rows, chosen=(row["layer"], row["position"]))
        alt = f"Verdicts on {pair} in {model} by layer and position. {'; '.join(_layer_lines(rows))}."
        figures.append(
            page_figure(figure, name=f"verdicts-{model}-{pair}", alt=alt, title=_title(pair, rows))
        )
    present = {verdict for _, rows in parts for verdict in rows["verdict"]}
    legend = [
        Key(
            mark="square", name=f"{look.mark} {name}: {look.meaning}", colour=f"var({verdict_variable(name)})"
        )
        for name, look in LOOKS.items()
        if name in present
    ]
    caption = (
        "One cell per site, layer by position. Outlined: the site that was chosen in training for the first "
        "factor (for the second, or where erasure was run, where that is no site here), not for its verdict."
    )
    return Panels(figures=figures, legend=legend, caption=caption, title=f"{model}: verdict maps", columns=3)


def _layer_lines(rows: pd.DataFrame) -> list[str]:
    return [
        f"{position}: {', '.join(f'layer {row.layer} {row.verdict}' for row in part.itertuples())}"
        for position, part in rows.groupby("position", sort=False)
    ]


def _curves(model: str, pair: str, rows: pd.DataFrame, thresholds: Thresholds) -> Iterator[PageFigure]:
    if rows[list(STATISTICS)].isna().all(axis=None):
        return
    for position, part in rows.groupby("position", sort=False):
        deepest = part.loc[part["layer"].idxmax()]
        readings = ", ".join(
            f"{name} {with_interval(deepest, column, f'{column}_low', f'{column}_high')}"
            for column, name in _SHORT.items()
        )
        alt = (
            f"Evidence on {pair} by layer in {model} at {position}; at layer {deepest['layer']}: {readings}."
        )
        figure = partial(evidence_panel, part, thresholds, title=f"{pair}, {position}")
        yield page_figure(figure, name=f"evidence-{model}-{pair}-{position}", alt=alt)


def _curve_panels(model: str, figures: list[PageFigure], thresholds: Thresholds) -> Panels:
    names = {
        "a": "A: first, second held fixed",
        "b": "B: second, first held fixed",
        "o_first": "O: first, where they disagree",
        "o_second": "O: second, where they disagree",
    }
    marks = {"-": "line", "--": "dashed"}
    legend = [
        Key(mark=marks[line], name=names[name], colour=variable(colour))
        for name, (colour, line, _) in CURVES.items()
    ]
    floor = f"{CHANCE + thresholds.effect_floor:.2f}".removeprefix("0")
    legend += [
        Key(mark="dashed", name=f"floor, {floor}"),
        Key(mark="square", name="counts as not read", colour="var(--line)"),
    ]
    caption = (
        "Bands hold together over all sites of a pair. A factor is read where its whole band lies above the "
        "floor, and is not where the whole band lies inside the grey one; between them nothing is said."
    )
    return Panels(figures=figures, legend=legend, caption=caption, title=f"{model}: evidence by layer")


def _every_site(model: str, pair: str, rows: pd.DataFrame) -> Grid:
    first, second = factors_of(rows)
    body: list[list[str | Cell]]
    records = rows.sort_values(["position", "layer"], kind="stable").to_dict("records")
    texts = [evidence_texts(row) for row in records]
    body = [
        [
            f"{row['layer']}, {row['position']}",
            Cell(text=text["verdict"], tone=TONES.get(row["verdict"], "quiet")),
            *list(text.values())[1:],
            str(row["reason"]),
        ]
        for row, text in zip(records, texts, strict=True)
    ]
    return Grid(
        title=f"{model}, {pair}: the evidence behind each verdict ({len(rows)} sites)",
        caption=f"First: {first}. Second: {second}. AUROC with bands; a dash: could not be measured.",
        header=("layer, position", *texts[0], "reason"),
        rows=body,
        folded=True,
        wrapped=True,
    )


def _contrasts(evidence: RunEvidence, model: str, pair: str) -> Iterator[Grid]:
    """Yield the contrasts that a summary is made of, at the chosen site: which class pairs drive it."""
    rows = evidence.of("verdicts", model=model, pair=pair)
    single = rows[~rows["is_summary"].astype(bool)]
    if single.empty:
        return
    body: list[list[str | Cell]] = []
    for (first, second), part in single.groupby(["first_class", "second_class"], sort=False):
        row, _ = chosen_site(part, _results(evidence))
        body.append([f"{first} / {second}", *_contrast_row(row)])
    site = chosen_site(single, _results(evidence))[0]
    yield Grid(
        title=f"{model}, {pair}: class by class ({len(body)} contrasts, {site_of(site)})",
        header=("class against the rest", "verdict", *_SHORT.values(), "reason"),
        rows=body,
        folded=True,
        wrapped=True,
    )


def _contrast_row(row: dict[str, Any]) -> list[str | Cell]:
    verdict = str(row["verdict"])
    numbers = [with_interval(row, name, f"{name}_low", f"{name}_high") for name in _SHORT]
    return [Cell(text=verdict, tone=TONES.get(verdict, "quiet")), *numbers, str(row["reason"])]
