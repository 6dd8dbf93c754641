"""Pictures of held-out scores: dots beside their floors, and detection against refusal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unsinter.studies.figures.style import CELLS, GAP, INK, LINE, MUTED, PANEL_WIDTH, drawing, panel, shorten

MANY_POINTS = 1500
"""Above this the points of a scatter are stored as an image, the type beside them stays type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DotRow:
    """One score with its interval, and what it must be seen beside."""

    label: str
    value: float
    low: float
    high: float
    floor: float
    control: float
    colour: str
    stands: bool
    """Drawn filled: the score beats its floor."""

    control_low: float = float("nan")
    control_high: float = float("nan")


def dot_rows(rows: Sequence[DotRow], *, xlabel: str, left: float | None = None) -> Figure:
    """Draw one line per score: dot and interval, floor as a bar, control as a cross; names stand above.

    The axis starts at ``left``, or just below the smallest value.
    """
    with drawing():
        figure, axis = panel(0.42 * len(rows) + 0.55)
        for place, row in enumerate(rows):
            _dot_row(axis, -float(place), row)
        shown = [x for row in rows for x in (row.low, row.value, row.floor, row.control) if np.isfinite(x)]
        left = np.floor(10 * min(shown, default=0.5) - 0.3) / 10 if left is None else left
        axis.set(xlabel=xlabel, yticks=[], xlim=(left, 1.02), ylim=(0.75 - len(rows), 0.85))
        axis.grid(visible=False, axis="y")
        axis.spines["left"].set_visible(False)
    return figure


def _dot_row(axis: Axes, y: float, row: DotRow) -> None:
    name = shorten(row.label, 50)
    axis.annotate(name, (0, y + 0.3), xycoords=("axes fraction", "data"), va="bottom", ha="left")
    axis.axhline(y, color=LINE, linewidth=0.6, zorder=0)
    axis.plot([row.low, row.high], [y, y], color=row.colour, linewidth=2.2, alpha=0.55)
    if np.isfinite(row.floor):
        axis.plot([row.floor] * 2, [y - 0.2, y + 0.2], color=INK, linewidth=2)
    if np.isfinite(row.control):
        axis.plot([row.control_low, row.control_high], [y - 0.12] * 2, color=MUTED, linewidth=0.9)
        axis.plot([row.control], [y - 0.12], color=MUTED, marker="x", markersize=5)
    face = row.colour if row.stands else "none"
    axis.plot([row.value], [y], marker="o", markersize=6.5, color=row.colour, markerfacecolor=face)


def two_axes(points: pd.DataFrame) -> Figure:
    """Draw one dot per held-out prompt: detection score (x) against refusal score (y).

    Parameters
    ----------
    points : columns ``detection``, ``refusal`` (nats), ``harm`` and ``answer`` (true cell).
    """
    with drawing():
        figure, axis = panel(PANEL_WIDTH * 0.92)
        for cell, (colour, marker, name) in CELLS.items():
            part = points[(points["harm"] == cell[0]) & (points["answer"] == cell[1])]
            sns.scatterplot(
                part, x="detection", y="refusal", color=colour, marker=marker, s=17, alpha=0.65,
                linewidth=0, label=name, legend=False, rasterized=len(points) > MANY_POINTS, ax=axis,
            )  # fmt: skip
        axis.axhline(0, color=MUTED, linewidth=0.8)
        axis.axvline(0, color=MUTED, linewidth=0.8)
        axis.set(xlabel=f"← harmless{GAP}detection score, nats{GAP}harmful →")
        axis.set_ylabel(f"← answered{GAP}refusal score, nats{GAP}refused →")
    return figure
