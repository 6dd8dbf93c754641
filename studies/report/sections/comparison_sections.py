"""Across categories, sources, wordings and models: what a probe says where it was not trained."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import pandas as pd

from unsinter.studies.figures.scores import DotRow, dot_rows
from unsinter.studies.figures.style import SERIES, colours
from unsinter.studies.figures.transfer_compact import transfer_heat
from unsinter.studies.figures.transfer_matrix import matrix_name
from unsinter.studies.report.evidence.numbers import (
    NOTHING,
    control_text,
    gain_text,
    is_number,
    score_text,
    with_interval,
)
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.blocks import Block, Cell, Grid, Key, Panels
from unsinter.studies.report.sections.figures import PageFigure, page_figure

KINDS = {
    "category": "trained on one category of harm, tested on another",
    "category_held_out": "trained on all categories but one, tested on that one",
    "wording": "trained on refusals of one wording, tested on another",
    "source": "trained on one source of prompts, tested on another",
}

DOTS = (
    Key(mark="dot", name="probe and 95 % interval, above the words"),
    Key(mark="ring", name="not above the words"),
    Key(mark="bar", name="words alone"),
)


def transfer_blocks(evidence: RunEvidence) -> list[Block]:
    """Return the matrices of each model, target and kind at the site chosen for it, and every cell as a
    table."""
    blocks: list[Block] = []
    table = evidence["transfer"]
    if table.empty:
        return blocks
    at_site = table[table["selected"] | (table["reader"] == "words")]
    for model, target in product(evidence.models, evidence.targets):
        own = at_site[(at_site["model"] == model) & (at_site["target"] == target)]
        for kind in KINDS:
            cells = own[own["kind"] == kind]
            matrix = _Matrix(model=model, target=target, kind=kind)
            if len(cells) and kind == "category_held_out":
                blocks.append(_left_out(matrix, cells))
            elif len(cells):
                control = _controls(evidence, [model], target)
                blocks.append(_matrices(matrix, cells, control=control))
                blocks.append(_cells(matrix, cells[cells["reader"] == "probe"]))
    return blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matrix:
    """Which matrix is shown."""

    model: str
    target: str
    kind: str

    @property
    def name(self) -> str:
        """What its figures are called."""
        return matrix_name(self.model, self.kind, self.target)

    @property
    def title(self) -> str:
        """What it shows, the target named where it is not detection."""
        about = "" if self.target == "D" else f"{self.target}, "
        return f"{self.model}: {about}{KINDS[self.kind]}"

    @property
    def trained(self) -> str:
        """What its rows are trained on, in a sentence."""
        if self.kind == "source":
            what = "harm" if self.target == "D" else self.target
            return (
                f"a logistic probe of {what} trained on the row's prompts; a source that lacks one class "
                "takes it from all sources"
            )
        if self.target == "D":
            return "a logistic probe of harm trained on the row's prompts against harmless ones"
        return f"a logistic probe of {self.target} trained on the row's prompts"


def _left_out(matrix: _Matrix, cells: pd.DataFrame) -> Panels:
    """Return dots, not a matrix: each category is tested once."""
    words = cells[cells["reader"] == "words"].set_index("tested_on")["auroc"].to_dict()
    probe = cells[cells["reader"] == "probe"].to_dict("records")
    title = matrix.title
    dots = [
        _dot(row, label=row["tested_on"], floor=words.get(row["tested_on"]), colour=SERIES[0])
        for row in probe
    ]
    figure = page_figure(
        partial(dot_rows, dots, xlabel="AUROC on the left-out category"),
        name=matrix.name,
        alt=_dots_alt(title, dots, target=matrix.target),
    )
    caption = (
        "The category took no part in training the logistic probe; in choosing the site it did. "
        "The stricter test leaves it out there too."
    )
    return Panels(figures=[figure], legend=DOTS, caption=caption, title=title)


def _dot(row: dict[str, Any], *, label: Any, floor: Any, colour: str) -> DotRow:
    return DotRow(
        label=str(label),
        value=row["auroc"],
        low=row["low"],
        high=row["high"],
        floor=floor if is_number(floor) else float("nan"),
        control=float("nan"),
        colour=colour,
        stands=bool(is_number(row["gain_low"]) and row["gain_low"] > 0),
    )


def _dots_alt(title: str, dots: Sequence[DotRow], *, target: str = "D") -> str:
    values = "; ".join(f"{dot.label} {score_text(dot.value)}, words {score_text(dot.floor)}" for dot in dots)
    return f"AUROC of {target}, {title}: {values}."


def _transfer_figures(matrix: _Matrix, cells: pd.DataFrame) -> list[PageFigure]:
    """Return the matrix of the probe, that of the words alone, and the paired difference.

    The one place that knows how a transfer matrix is drawn.
    """
    probe, words = (cells[cells["reader"] == reader] for reader in ("probe", "words"))
    wanted = (
        ("probe", probe, "auroc", "Probe on activations"),
        ("words", words, "auroc", "Words alone"),
        ("gain", probe, "gain", "Probe minus words, hundredths"),
    )
    return [
        page_figure(
            partial(transfer_heat, part, value),
            name=f"{matrix.name}-{name}",
            alt=f"{title}: {matrix.title}. {_summed_up(part, value)}",
            title=title,
        )
        for name, part, value, title in wanted
        if len(part) and part[value].notna().any()
    ]


def _summed_up(cells: pd.DataFrame, value: str) -> str:
    off = cells[cells["trained_on"] != cells["tested_on"]]
    off = off if len(off) else cells
    low, middle, high = off[value].quantile([0, 0.5, 1])
    write = gain_text if value == "gain" else score_text
    return f"Median where the two differ {write(middle)}, from {write(low)} to {write(high)}."


def _matrices(matrix: _Matrix, cells: pd.DataFrame, *, control: str) -> Panels:
    probe = cells[cells["reader"] == "probe"]
    off = probe[probe["trained_on"] != probe["tested_on"]]
    off = off if len(off) else probe
    above = int((off["gain_low"] > 0).sum())
    site = f"layer {probe['layer'].iloc[0]}, {probe['position'].iloc[0]}" if len(probe) else "no probe"
    caption = (
        f"AUROC of {matrix.trained}, tested on the column's, at the site chosen for {matrix.target} "
        f"({site}). {_summed_up(probe, 'auroc') if len(probe) else ''} "
        f"The probe's interval is above the words in {above} of {len(off)} cells where the two differ; "
        "cells are not corrected for their number. Differences whose interval holds zero "
        "are left without colour: there shared words may explain the transfer."
        f"{control}"
    )
    figures = _transfer_figures(matrix, cells)
    return Panels(figures=figures, caption=caption, title=matrix.title, columns=3)


def _cells(matrix: _Matrix, probe: pd.DataFrame) -> Grid:
    rows = []
    for row in probe.to_dict("records"):
        gain = with_interval(row, "gain", "gain_low", "gain_high")
        tone = "good" if is_number(row["gain_low"]) and row["gain_low"] > 0 else "quiet"
        counts = [row.get("n_train_positive"), row.get("n_test_positive")]
        rows.append(
            [
                row["trained_on"],
                row["tested_on"],
                with_interval(row, "auroc", "low", "high"),
                Cell(text=gain, tone=tone),
                *(NOTHING if n is None else f"{n:.0f}" for n in counts),
            ]
        )
    header = ("trained on", "tested on", "AUROC", "gain over words", "n trained", "n tested")
    return Grid(title=f"Every cell: {matrix.title}", header=header, rows=rows, folded=True)


def held_out_blocks(evidence: RunEvidence) -> list[Block]:
    """Return, for each target, dots per left-out source or category, beside what the words score there."""
    blocks: list[Block] = []
    for target in evidence.targets:
        figures = list(_held_out_figures(evidence, target))
        if figures:
            control = _controls(evidence, list(evidence.models), target)
            caption = f"{_held_out_caption(target)}{control}"
            title = "" if target == "D" else f"{target}, left out"
            blocks.append(Panels(figures=figures, legend=DOTS, caption=caption, title=title))
    return blocks


def _held_out_figures(evidence: RunEvidence, target: str) -> Iterator[PageFigure]:
    palette = colours(evidence.models)
    about, own = ("", "") if target == "D" else (f"{target}, ", f"-{target}")
    for model, kind in product(evidence.models, ("source", "category")):
        rows = evidence.of("held_out", model=model, target=target, kind=kind)
        rows = rows[rows["words"].notna()] if len(rows) else rows
        if rows.empty:
            continue
        dots = [
            _dot(row, label=row["held_out"], floor=row["words"], colour=palette[model])
            for row in rows.to_dict("records")
        ]
        title = f"{model}: {about}one {kind} left out"
        figure = partial(dot_rows, dots, xlabel="AUROC on the left-out rows")
        name = f"held-out-{model}-{kind}{own}"
        yield page_figure(figure, name=name, alt=_dots_alt(title, dots, target=target), title=title)


def _held_out_caption(target: str) -> str:
    what = "Harmful or harmless (D)" if target == "D" else target
    part = "harm" if target == "D" else target
    return (
        f"{what} on prompts of a source or category that took no part in training the logistic probe or in "
        "choosing its site. "
        f"A drop from the score above means that part of it was the source, not the {part}."
    )


def _controls(evidence: RunEvidence, models: Collection[str], target: str = "D") -> str:
    rows = evidence.of("results", target=target, selected=True)
    values = [
        f"{row['model']} {control_text(row)}" for row in rows.to_dict("records") if row["model"] in models
    ]
    return f" Control of {target} at its chosen site: {', '.join(values)}." if values else ""
