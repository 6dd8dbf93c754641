"""Figures drawn from the run's tables only."""

import os
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

TITLES = {
    "D": "D  harmful or harmless",
    "C": "C  category of harm",
    "R": "R  refused or answered",
    "W": "W  wording of the refusal",
}
READERS = {"probe": "probe on activations", "words": "words alone"}
METRICS = {"auroc": "AUROC", "macro_f1": "macro-F1"}


def layer_curves(results: pd.DataFrame, floors: pd.DataFrame) -> Figure:
    """Draw a row per model and a panel per target: held-out score by layer, with floor, control, interval."""
    sns.set_theme(context="paper", style="whitegrid")
    models = list(results["model"].unique())
    targets = [name for name in TITLES if name in set(results["target"])]
    height = 2.7 * len(models) + 0.6
    figure, axes = plt.subplots(
        len(models), len(targets), figsize=(3.6 * len(targets), height), squeeze=False
    )
    for row, model in zip(axes, models, strict=True):
        for axis, target in zip(row, targets, strict=True):
            part = results[(results["model"] == model) & (results["target"] == target)]
            if part.empty:
                axis.set_axis_off()
                continue
            _layer_panel(axis, part, floors[(floors["model"] == model) & (floors["target"] == target)])
            prefix = f"{model}: " if len(models) > 1 else ""
            axis.set_title(prefix + TITLES[target], loc="left", fontsize=10)
    handles, labels = next(axis for axis in axes.flat if axis.has_data()).get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0.3 / height, 1, 1))
    return figure


def transfer_maps(transfer: pd.DataFrame) -> Figure:
    """Draw the probe's transfer matrix beside the words' one; each cell shows AUROC and its interval."""
    sns.set_theme(context="paper", style="white")
    size = 1.1 + 0.62 * transfer["train_category"].nunique()
    figure, axes = plt.subplots(1, 2, figsize=(2.05 * size, size), sharey=True)
    for axis, reader in zip(axes, READERS, strict=True):
        _transfer_panel(axis, transfer[transfer["reader"] == reader])
        axis.set_title(
            {"probe": "probe on activations", "words": "words alone"}[reader], loc="left", fontsize=10
        )
    axes[1].set_ylabel("")
    figure.tight_layout(pad=1.5)
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write SVG and PNG (150 dpi) and close the figure."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    for path in paths:
        # The date would make two runs of one study differ.
        metadata = {"Date": None} if path.suffix == ".svg" else None
        part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        figure.savefig(part, dpi=150, metadata=metadata)
        part.replace(path)
    plt.close(figure)
    return paths


def _layer_panel(axis: Axes, results: pd.DataFrame, floors: pd.DataFrame) -> None:
    palette = dict(zip(results["position"].unique(), sns.color_palette("colorblind"), strict=False))
    for position, rows in results.groupby("position", sort=False):
        rows = rows.sort_values("layer")
        axis.fill_between(
            rows["layer"], rows["score_low"], rows["score_high"], color=palette[position], alpha=0.15
        )
    sns.lineplot(
        results, x="layer", y="score", hue="position", palette=palette, marker="o", errorbar=None, ax=axis
    )
    control = results.groupby("layer")["control"].mean()
    axis.plot(control.index, control, color="0.6", linestyle=":", label="shuffled labels")
    best = floors.loc[floors["score"].idxmax()]
    axis.axhline(best["score"], color="0.25", linestyle="--", linewidth=1, label="best text floor")
    axis.annotate(
        best["floor"], (0.01, best["score"]), xycoords=("axes fraction", "data"), va="bottom", fontsize=8
    )
    picked = results[results["selected"]]
    axis.scatter(
        picked["layer"],
        picked["score"],
        s=110,
        facecolors="none",
        edgecolors="black",
        label="chosen in training",
    )
    axis.set(xlabel="layer", ylabel=METRICS[results["metric"].iloc[0]], ylim=(None, 1.05))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if (legend := axis.get_legend()) is not None:
        legend.remove()


def _transfer_panel(axis: Axes, cells: pd.DataFrame) -> None:
    order = list(dict.fromkeys(cells["train_category"]))
    table = cells.pivot(index="train_category", columns="test_category", values="auroc").loc[order, order]
    text = (
        cells.assign(
            text=[
                f"{a:.2f}\n{low:.2f}-{high:.2f}"
                for a, low, high in cells[["auroc", "low", "high"]].to_numpy()
            ]
        )
        .pivot(index="train_category", columns="test_category", values="text")
        .loc[order, order]
    )
    sns.heatmap(
        table,
        annot=text,
        fmt="",
        vmin=0.5,
        vmax=1.0,
        cmap="crest",
        cbar=False,
        square=True,
        ax=axis,
        annot_kws={"fontsize": 6},
        linewidths=0.5,
    )
    axis.set(xlabel="tested on", ylabel="trained on")
