"""Scores by layer beside their floor and control, drawn from the run's tables only; figure files."""

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import UnsinterError, naming
from unsinter.studies.figures.style import (
    GAP,
    INK,
    METRICS,
    MUTED,
    PAPER,
    colours,
    drawing,
    drawing_fault,
    names_as_written,
    panel,
)
from unsinter.studies.study.targets import definition_of, in_order

logger = logging.getLogger(__name__)


class FigureError(UnsinterError, ValueError):
    """A figure cannot be written."""


FLOOR_LINE, CONTROL_LINE, SHUFFLED_LINE = "--", ":", "-."


def layer_curves(
    results: pd.DataFrame, floors: pd.DataFrame, *, titles: Mapping[str, str] | None = None
) -> Figure:
    """Draw a row per model and a panel per target: held-out score by layer, with floor, control, interval.

    ``titles`` names targets of the study's own; the built-in ones have theirs.
    """
    models = list(results["model"].unique())
    targets = in_order(results["target"])
    titles = {name: (titles or {}).get(name, definition_of(name).title) for name in targets}
    height = 2.7 * len(models) + 0.6
    with drawing():
        figure = Figure(figsize=(3.6 * len(targets), height), facecolor=PAPER)
        axes = figure.subplots(len(models), len(targets), squeeze=False)
        handles: dict[str, Artist] = {}
        for row, model in zip(axes, models, strict=True):
            for axis, target in zip(row, targets, strict=True):
                part = results[(results["model"] == model) & (results["target"] == target)]
                if part.empty:
                    axis.set_axis_off()
                    continue
                draw_layers(axis, part, floors[(floors["model"] == model) & (floors["target"] == target)])
                # On a line of its own: a long name beside a title would be cut at the figure's edge.
                axis.set_title(f"{model}\n{titles[target]}" if len(models) > 1 else titles[target])
                handles |= dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
        figure.legend(
            list(handles.values()), list(handles), loc="lower center", ncols=len(handles), frameon=False
        )
        figure.tight_layout(rect=(0, 0.3 / height, 1, 1))
    return figure


def layer_panel(results: pd.DataFrame, floors: pd.DataFrame, *, title: str) -> Figure:
    """Draw one model's and target's held-out score by layer, without a legend."""
    with drawing():
        figure, axis = panel(2.5)
        draw_layers(axis, results, floors)
        axis.set_title(title)
    return figure


def draw_layers(axis: Axes, results: pd.DataFrame, floors: pd.DataFrame) -> None:
    """Draw the sweep's rows of one model and target on ``axis``."""
    swept = results[results["trial"] < 0] if "trial" in results else results
    swept = swept.sort_values("inner_score").drop_duplicates(["layer", "position"], keep="last")
    palette = colours(results["position"])
    for position, rows in swept.groupby("position", sort=False):
        rows = rows.sort_values("layer")
        low, high, colour = rows["score_low"], rows["score_high"], palette[str(position)]
        axis.fill_between(rows["layer"], low, high, color=colour, alpha=0.16, linewidth=0)
    order = [position for position in palette if position in set(swept["position"])]
    sns.lineplot(
        swept, x="layer", y="score", hue="position", hue_order=order, palette=palette, marker="o",
        markersize=4, markeredgewidth=0, errorbar=None, ax=axis,
    )  # fmt: skip
    _flat_lines(axis, swept, floors)
    picked = swept[swept["selected"]]
    axis.scatter(
        picked["layer"], picked["score"], s=95, facecolors="none", edgecolors=INK, linewidths=1.2,
        label="chosen in training", zorder=5,
    )  # fmt: skip
    best = best_floor(floors)
    beside = "" if best is None else f"{GAP}(best floor: {best['floor']}, {best['score']:.3f})"
    axis.set(
        xlabel=f"layer{beside}", ylabel=METRICS[swept["metric"].iloc[0]], ylim=(_bottom(axis, swept), 1.05)
    )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if (legend := axis.get_legend()) is not None:
        legend.remove()


def best_floor(floors: pd.DataFrame) -> pd.Series | None:
    """Return the highest floor that needs no activations, of one model and target; None without one."""
    needless = floors[floors["kind"] != "activation"] if "kind" in floors else floors
    return None if needless.empty else needless.loc[needless["score"].idxmax()]


def _bottom(axis: Axes, swept: pd.DataFrame) -> float:
    """Return the same lower limit for every model, lower only where a score is."""
    usual = 0.35 if swept["metric"].iloc[0] == "auroc" else 0.0
    return min(usual, float(axis.dataLim.ymin) - 0.03)


def _flat_lines(axis: Axes, swept: pd.DataFrame, floors: pd.DataFrame) -> None:
    """Draw what each score must be seen beside: best floor, control task, shuffled labels."""
    if (best := best_floor(floors)) is not None:
        axis.axhline(best["score"], color=INK, linestyle=FLOOR_LINE, linewidth=1, label="best floor")
    control = swept.groupby("layer")["control"].mean().dropna()
    style = CONTROL_LINE if "shuffled" in swept else SHUFFLED_LINE
    name = "control task" if "shuffled" in swept else "shuffled labels"
    axis.plot(control.index, control, color=MUTED, linestyle=style, label=name)
    if "shuffled" in swept:
        shuffled = swept.groupby("layer")["shuffled"].mean().dropna()
        axis.plot(shuffled.index, shuffled, color=MUTED, linestyle=SHUFFLED_LINE, label="shuffled labels")


def _tell(caught: Sequence[warnings.WarningMessage], path: Path) -> None:
    """Log glyphs that an image lacks, once; pass every other warning on."""
    missing = [warning for warning in caught if "missing from font" in str(warning.message)]
    for warning in caught:
        if warning not in missing:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing and path.suffix != ".svg":
        logger.warning(
            "%s: no installed font has %d of its characters, which are drawn as boxes; the SVG file beside "
            "it holds them",
            path, len({str(warning.message) for warning in missing}),
        )  # fmt: skip


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write SVG and PNG (150 dpi).

    Raises
    ------
    FigureError : names a file that cannot be written.
    """
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    for path in paths:
        with naming(path, FigureError):
            _save(figure, path, name)
    return paths


def _save(figure: Figure, path: Path, name: str) -> None:
    # The date, and ids without a salt of ours, would make two runs of one study differ.
    metadata = {"Date": None} if path.suffix == ".svg" else None
    image = BytesIO()
    with names_as_written(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Type stays type in SVG files: whoever shows them may have glyphs that are not installed here.
        mpl.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none"})
        figure.savefig(image, format=path.suffix[1:], dpi=150, metadata=metadata)
    _tell(caught, path)
    make_folder(path.parent)
    sweep(path)
    write_atomically(path, [image.getbuffer()])


@dataclass(slots=True, kw_only=True)
class DrawnFigures:
    """Figure files that were written, and by name the figures that could not be drawn, with the reason."""

    paths: list[Path] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)


def draw_each(figures: Iterable[tuple[str, Callable[[], Figure]]], folder: Path) -> DrawnFigures:
    """Draw and save figures by name; one that fails takes no other with it."""
    drawn = DrawnFigures()
    for name, draw in figures:
        try:
            drawn.paths += save_figure(draw(), folder, name)
        except Exception as error:  # a drawing library raises every kind, over any name or number
            drawn.faults[name] = drawing_fault(error)
    return drawn
