"""A transfer matrix small enough for a phone: two digits per cell, names once."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unsinter.studies.figures.style import drawing, panel, shorten

MAPS = {"auroc": ("crest", 0.5, 1.0), "gain": ("vlag_r", -0.3, 0.3), "effect": ("vlag_r", -1.0, 1.0)}
"""Column -> colours and their range; vlag is neutral at zero, blue above it. That of a change of log-odds is
widened to the largest."""

DARK = "#0b0b0b"
"""Black would be left out of an SVG file as its default."""


def transfer_heat(cells: pd.DataFrame, value: str) -> Figure:
    """Draw one matrix: a row per training set, a column per test set, numbered and named alike."""
    rows = list(dict.fromkeys(cells["trained_on"]))
    columns = [*rows, *(name for name in dict.fromkeys(cells["tested_on"]) if name not in rows)]
    columns = [name for name in columns if name in set(cells["tested_on"])]
    numbers = {name: str(place + 1) for place, name in enumerate(dict.fromkeys([*rows, *columns]))}
    table = cells.pivot_table(index="trained_on", columns="tested_on", values=value, dropna=False)
    table = table.reindex(index=rows, columns=columns)
    shade = table if value != "gain" else _proven(cells).reindex(index=rows, columns=columns)
    names = [f"{shorten(name, 22)}  {numbers[name]}" for name in rows]
    heads = [f"{numbers[name]}  {shorten(name, 14)}" for name in columns]
    width = max(3.5, 0.06 * max(map(len, names)) + 0.29 * len(columns))
    colours, low, high = MAPS[value]
    if value == "effect":
        high = max(high, float(np.nanmax(np.abs(table.to_numpy(dtype=float)), initial=0.0)))
        low = -high
    text = _tenths(table) if value == "effect" else _hundredths(table, signed=value == "gain")
    with drawing():
        figure, axis = panel(0.26 * len(rows) + 0.75 + 0.055 * max(map(len, heads)), width=width)
        sns.heatmap(
            shade, annot=text, fmt="", vmin=low, vmax=high,
            cmap=colours, cbar=False, linewidths=1, xticklabels=False, yticklabels=False, ax=axis,
        )  # fmt: skip
        _contrast(axis)
        axis.set_yticks(np.arange(len(rows)) + 0.5, names, rotation=0)
        axis.set_xticks(np.arange(len(columns)) + 0.5, heads, rotation=90)
        axis.tick_params(length=0)
        axis.grid(visible=False)
        axis.set(xlabel=_tested_on(rows, columns, numbers), ylabel="")
    return figure


def _proven(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the differences whose interval leaves zero, and zero in place of the others."""
    leaves_zero = (cells["gain_low"] > 0) | (cells["gain_high"] < 0)
    shaded = cells.assign(gain=cells["gain"].where(leaves_zero | cells["gain"].isna(), 0.0))
    return shaded.pivot_table(index="trained_on", columns="tested_on", values="gain", dropna=False)


def _contrast(axis: Axes) -> None:
    """Write each value in black or white, whichever its cell's colour shows better."""
    mesh = axis.collections[0]
    # Empty cells have a colour but no text.
    filled = ~np.ma.getmaskarray(np.ma.asarray(mesh.get_array())).ravel()
    for text, (red, green, blue, _) in zip(axis.texts, np.asarray(mesh.get_facecolor())[filled], strict=True):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        # Equal contrast (WCAG 2) with black and white at .179.
        text.set_color(DARK if luminance > 0.179 else "#ffffff")


def _hundredths(table: pd.DataFrame, *, signed: bool) -> "np.typing.NDArray[np.str_]":
    def text(value: float) -> str:
        if not np.isfinite(value):
            return ""
        if not signed:
            return "1" if value >= 0.995 else f"{value:.2f}".removeprefix("0")
        digits = f"{round(100 * abs(value)):d}"
        sign = "+" if value > 0 else "\u2212"
        return digits if digits == "0" else sign + digits

    return np.vectorize(text, otypes=[str])(table.to_numpy(dtype=float))


def _tenths(table: pd.DataFrame) -> "np.typing.NDArray[np.str_]":
    def text(value: float) -> str:
        if not np.isfinite(value):
            return ""
        return f"{value:+.1f}".replace("-", "\u2212") if abs(value) >= 0.05 else "0"

    return np.vectorize(text, otypes=[str])(table.to_numpy(dtype=float))


def _tested_on(rows: list[str], columns: list[str], numbers: dict[str, str]) -> str:
    extra = [f"{numbers[name]} {shorten(name, 22)}" for name in columns if name not in rows]
    return "tested on" + (f" ({', '.join(extra)})" if extra else "")
