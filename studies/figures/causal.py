"""Pictures of the causal check, drawn from its table only."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from unsinter.studies.figures.style import INK, LINE, MUTED, SERIES, drawing, panel, shorten
from unsinter.studies.figures.transfer_compact import transfer_heat

COLOURS = {"yes": SERIES[1], "no": SERIES[0], "open": MUTED}
"""What a change says -> colour."""


def effect_name(model: str, outcome: str) -> str:
    """Return what the figure of a model's effects is called."""
    return f"causal-{model}-{outcome}"


def effect_plot(rows: pd.DataFrame) -> Figure:
    """Draw a line per direction: mean change with its interval, and each of its nulls as a small grey dot.

    Parameters
    ----------
    rows : of one model and outcome, kinds ``effect`` and ``null``. A filled dot is a yes.
    """
    effects = rows[rows["kind"] == "effect"].to_dict("records")
    nulls = rows[(rows["kind"] == "null") & rows["null"].isin(["random", "permuted"])]
    with drawing():
        figure, axis = panel(0.42 * len(effects) + 0.6)
        axis.axvline(0, color=INK, linewidth=0.8)
        for place, row in enumerate(effects):
            y, colour = -float(place), COLOURS.get(row["used"], MUTED)
            name = shorten(f"{row['factor']}  {row['class']}, layer {row['layer']}: {row['used']}", 50)
            axis.annotate(name, (0, y + 0.3), xycoords=("axes fraction", "data"), va="bottom", ha="left")
            axis.axhline(y, color=LINE, linewidth=0.6, zorder=0)
            own = nulls[(nulls["factor"] == row["factor"]) & (nulls["class"] == row["class"])]["effect"]
            axis.plot(own, np.full(len(own), y - 0.14), linestyle="", marker=".", markersize=3, color=MUTED)
            axis.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.2, alpha=0.55)
            face = colour if row["used"] == "yes" else "none"
            axis.plot([row["effect"]], [y], marker="o", markersize=6.5, color=colour, markerfacecolor=face)
        axis.set(xlabel="change of log-odds, nats", yticks=[], ylim=(0.75 - len(effects), 0.85))
        axis.grid(visible=False, axis="y")
        axis.spines["left"].set_visible(False)
    return figure


def matrix_cells(causal: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the matrix's cells of a model, outcome refusal, under the names of a transfer matrix."""
    own = causal[(causal["model"] == model) & (causal["kind"] == "matrix") & (causal["outcome"] == "refusal")]
    return own.rename(columns={"class": "trained_on", "transfer": "auroc"})


def causal_heat(cells: pd.DataFrame) -> Figure:
    """Draw the matrix of changes in the form of a transfer matrix."""
    return transfer_heat(cells, "effect")


def causal_figures(causal: pd.DataFrame) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Yield name and drawing of each figure of a run: effects by model and outcome, and each matrix."""
    for (model, outcome), rows in causal[causal["kind"].isin(["effect", "null"])].groupby(
        ["model", "outcome"], sort=False
    ):
        yield effect_name(str(model), str(outcome)), partial(effect_plot, rows)
    for model in dict.fromkeys(causal["model"]):
        if len(cells := matrix_cells(causal, str(model))):
            yield f"causal-{model}-matrix", partial(causal_heat, cells)
