"""The verdict map layer by position, and the evidence by layer: drawn from the verdicts' table only."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from unsinter.cache.reading import Site
from unsinter.studies.figures.style import (
    INK,
    LINE,
    MUTED,
    PANEL_WIDTH,
    PAPER,
    SERIES,
    drawing,
    panel,
    shorten,
)
from unsinter.studies.figures.verdict_text import LOOKS, STATISTICS, Thresholds
from unsinter.studies.study.verdict_defaults import CHANCE

CURVES: dict[str, tuple[str, Literal["-", "--"], str]] = {
    "a": (SERIES[0], "-", "o"),
    "b": (SERIES[1], "-", "s"),
    "o_first": (SERIES[2], "--", "^"),
    "o_second": (SERIES[3], "--", "v"),
}
"""Statistic -> colour, line, marker."""

NAMES = {
    "a": "A  first, second held fixed",
    "b": "B  second, first held fixed",
    "o_first": "O  first where they disagree",
    "o_second": "O  second where they disagree",
}
_CELL = 0.21
"""Inches of a cell's height."""

_LETTER = 0.059
"""Inches that a letter of a position's name takes."""

_ROOM_FOR_WORDS = 0.95
"""Inches of a cell's width above which it shows the verdict's name beside its mark."""


def verdict_panel(rows: pd.DataFrame, *, chosen: Site | None = None) -> Figure:
    """Draw the map of one model and pair, as wide as a phone.

    Parameters
    ----------
    rows : one row per site, columns ``layer``, ``position``, ``verdict``.
    chosen : site to be outlined.
    """
    positions, layers = _sites(rows)
    width = max(PANEL_WIDTH, 0.6 + 0.3 * len(positions))
    with drawing():
        figure, axis = panel(_height(layers, positions), width=width)
        draw_map(axis, rows, chosen=chosen, cell=(width - 0.6) / len(positions))
    return figure


def evidence_panel(rows: pd.DataFrame, thresholds: Thresholds, *, title: str) -> Figure:
    """Draw the four statistics of one model, pair and position by layer, with their bands."""
    with drawing():
        figure, axis = panel(2.6)
        draw_evidence(axis, rows, thresholds)
        axis.set_title(title)
    return figure


def verdict_maps(parts: Sequence[tuple[str, pd.DataFrame, Site | None]]) -> Figure:
    """Draw the maps of one model beside each other, each with its title, and one legend below."""
    positions, layers = _sites(pd.concat([rows for _, rows, _ in parts]))
    width = max(PANEL_WIDTH, 0.6 + 0.3 * len(positions))
    with drawing():
        size = (width * len(parts), _height(layers, positions) + 0.5)
        figure = Figure(figsize=size, facecolor=PAPER, layout="constrained")
        axes = figure.subplots(1, len(parts), squeeze=False)[0]
        for axis, (title, rows, chosen) in zip(axes, parts, strict=True):
            draw_map(axis, rows, chosen=chosen, cell=(width - 0.6) / len(positions))
            axis.set_title(title)
        present = {verdict for _, rows, _ in parts for verdict in rows["verdict"]}
        marks = [f"{look.mark} {name}" for name, look in LOOKS.items() if name in present]
        figure.supxlabel("    ".join([*marks, "outlined: chosen in training"]), fontsize=8, color=INK)
    return figure


def evidence_curves(rows: pd.DataFrame, thresholds: Thresholds, *, title: str) -> Figure:
    """Draw the evidence of one model and pair: a panel per position, one legend below."""
    positions, _ = _sites(rows)
    with drawing():
        size = (max(2, len(positions)) * PANEL_WIDTH, 3.9)
        figure = Figure(figsize=size, facecolor=PAPER, layout="constrained")
        axes = figure.subplots(1, len(positions), squeeze=False, sharey=True)[0]
        for axis, position in zip(axes, positions, strict=True):
            draw_evidence(axis, rows[rows["position"] == position], thresholds)
            axis.set_title(position)
        for axis in axes[1:]:
            axis.set_ylabel("")
        figure.suptitle(title, x=0.01, ha="left")
        handles = [
            Line2D([], [], color=colour, linestyle=line, marker=marker, markersize=4, label=NAMES[name])
            for name, (colour, line, marker) in CURVES.items()
        ]
        handles += [
            Line2D([], [], color=INK, linestyle="--", linewidth=1, label="floor: a band above it is read"),
            Line2D([], [], color=LINE, linewidth=6, label="a band inside it is not read"),
        ]
        figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False)
    return figure


def draw_map(axis: Axes, rows: pd.DataFrame, *, chosen: Site | None, cell: float) -> None:
    """Draw one cell per site: its verdict's colour and mark, and its name where ``cell`` inches allow."""
    positions, layers = _sites(rows)
    for row in rows.to_dict("records"):
        site = (row["layer"], row["position"])
        x, y = positions.index(row["position"]), layers.index(row["layer"])
        _draw_cell(axis, (x, y), str(row["verdict"]), is_wide=cell > _ROOM_FOR_WORDS)
        if site == chosen:
            box = Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=1.6, zorder=3)
            axis.add_patch(box)
    is_tight = _labels_are_tight(positions, cell)
    axis.set(xlim=(-0.54, len(positions) - 0.46), ylim=(-0.6, len(layers) - 0.4), ylabel="layer")
    axis.set_xticks(
        range(len(positions)), [shorten(name, 22) for name in positions],
        rotation=60 if is_tight else 0, ha="right" if is_tight else "center", rotation_mode="anchor",
    )  # fmt: skip
    axis.set_yticks(range(len(layers)), [str(layer) for layer in layers])
    axis.tick_params(length=0)
    axis.grid(visible=False)
    for side in axis.spines.values():
        side.set_visible(False)


def _draw_cell(axis: Axes, place: tuple[int, int], verdict: str, *, is_wide: bool) -> None:
    x, y = place
    look, is_open = LOOKS[verdict], verdict == "undetermined"
    box = Rectangle(
        (x - 0.47, y - 0.44), 0.94, 0.88, linewidth=0.8,
        facecolor="none" if is_open else look.colour, edgecolor=LINE if is_open else look.colour,
    )  # fmt: skip
    axis.add_patch(box)
    text = f"{look.mark}  {verdict}" if is_wide and not is_open else look.mark
    axis.text(x, y, text, ha="center", va="center_baseline", color=MUTED if is_open else PAPER)


def draw_evidence(axis: Axes, rows: pd.DataFrame, thresholds: Thresholds) -> None:
    """Draw A, B and both O by layer with bands, the floor, chance, and the band that counts as nothing."""
    rows = rows.sort_values("layer")
    low, high = CHANCE - thresholds.margin, CHANCE + thresholds.margin
    axis.axhspan(low, high, color=LINE, alpha=0.45, linewidth=0, zorder=0)
    axis.axhline(CHANCE, color=MUTED, linestyle=":", linewidth=1)
    axis.axhline(CHANCE + thresholds.effect_floor, color=INK, linestyle="--", linewidth=1)
    for name in STATISTICS:
        colour, line, marker = CURVES[name]
        shown = rows[rows[name].notna()]
        axis.fill_between(
            shown["layer"], shown[f"{name}_low"], shown[f"{name}_high"], color=colour, alpha=0.13, linewidth=0
        )
        sns.lineplot(
            shown, x="layer", y=name, color=colour, linestyle=line, marker=marker, markersize=4,
            markeredgewidth=0, errorbar=None, label=NAMES[name], legend=False, ax=axis,
        )  # fmt: skip
    if rows[list(STATISTICS)].isna().all(axis=None):
        axis.text(0.5, 0.85, "no statistics here", transform=axis.transAxes, ha="center", color=MUTED)
    axis.set(xlabel="layer", ylabel="AUROC", ylim=(-0.03, 1.03))
    axis.set_xlim(rows["layer"].min() - 0.2, rows["layer"].max() + 0.2)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _sites(rows: pd.DataFrame) -> tuple[list[str], list[int]]:
    return list(dict.fromkeys(rows["position"])), sorted(set(rows["layer"]))


def _labels_are_tight(positions: Sequence[str], cell: float) -> bool:
    """Return whether names beside each other would touch at ``cell`` inches apart."""
    return max(len(shorten(name, 22)) for name in positions) * _LETTER > cell


def _height(layers: Sequence[int], positions: Sequence[str]) -> float:
    longest = max(len(shorten(name, 22)) for name in positions)
    cell = (max(PANEL_WIDTH, 0.6 + 0.3 * len(positions)) - 0.6) / len(positions)
    is_tight = _labels_are_tight(positions, cell)
    return _CELL * len(layers) + (0.15 + 0.06 * longest if is_tight else 0.35)
