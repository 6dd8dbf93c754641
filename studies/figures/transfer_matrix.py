"""Heat maps of transfer matrices, drawn from the transfer table only."""

from typing import Literal, TypeAlias, get_args

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from unsinter.studies.figures.style import as_drawn, names_as_written

Order: TypeAlias = Literal["given", "clustered", "alphabetical"]
ORDERS: tuple[Order, ...] = get_args(Order)
READERS = {"probe": "probe on activations", "words": "words alone"}
_KIND_TITLES = {
    "category": "across categories of harm",
    "category_held_out": "on a category it was not trained on",
    "wording": "across wordings of the refusal",
    "source": "across sources",
}
UNPROVEN = "in brackets: not shown to beat the words"


def kind_title(cells: pd.DataFrame) -> str:
    """Return what the rows of one target and kind show."""
    first = cells.iloc[0]
    return f"{first.get('target', 'D')} {_KIND_TITLES[first['kind']]}"


def matrix_name(model: str, kind: str, target: str) -> str:
    """Return what the figure of one matrix is called."""
    return f"transfer-{model}-{kind}{'' if target == 'D' else f'-{target}'}"


def transfer_maps(table: pd.DataFrame, *, order: Order = "given") -> Figure:
    """Draw the probe's transfer matrix beside the words' one; each cell shows AUROC and its 95 % interval.

    Parameters
    ----------
    table : rows of the transfer table of one model, target and kind. Of a probe's sites the selected one is
        drawn, or the first where none is.
    order : of names: as given, alphabetical, or clustered by mutual transfer of the probe.

    Cells of the probe whose gain over the words has an interval that reaches zero stand in brackets.
    """
    with mpl.rc_context():  # the caller's theme is left as it is
        sns.set_theme(context="paper", style="white")
        with names_as_written():
            return _draw_maps(one_site(table), order)


def _draw_maps(shown: pd.DataFrame, order: Order) -> Figure:
    names = ordered_names(shown, order)
    rows = [name for name in names if name in set(shown["trained_on"])] or list(shown["trained_on"].unique())
    readers = [reader for reader in READERS if reader in set(shown["reader"])]
    width, height = 1.4 + 0.66 * len(names), 1.5 + 0.6 * len(rows)
    is_flat = len(rows) == 1 < len(names)
    shape = (len(readers), 1) if is_flat else (1, len(readers))
    size = (shape[1] * width, shape[0] * height)
    figure = Figure(figsize=size)
    axes = figure.subplots(*shape, squeeze=False, sharex=is_flat, sharey=not is_flat)
    for axis, reader in zip(axes.flat, readers, strict=True):
        _panel(axis, shown[shown["reader"] == reader], rows, names)
        axis.set_title(_title(shown, reader), loc="left", fontsize=9)
    for axis in axes[:, 1:].flat:
        axis.set_ylabel("")
    for axis in axes[:-1].flat:
        axis.set_xlabel("")
    figure.supxlabel(f"{kind_title(shown)}; {UNPROVEN}", fontsize=7, color="0.3")
    figure.tight_layout(pad=1.2)
    return figure


def one_site(table: pd.DataFrame) -> pd.DataFrame:
    """Return the words' cells and those of the probe at the selected site (the first where none is)."""
    probe = table[table["reader"] == "probe"]
    if not probe.empty:
        picked = probe[probe["selected"].astype(bool)]
        first = (picked if len(picked) else probe).iloc[0]
        probe = probe[(probe["layer"] == first["layer"]) & (probe["position"] == first["position"])]
    return pd.concat([probe, table[table["reader"] != "probe"]])


def ordered_names(shown: pd.DataFrame, order: Order) -> list[str]:
    """Return the names of the columns of a matrix in an order.

    Clustered: average linkage of 1 - normalised transfer, averaged over both directions, leaves ordered so
    that neighbours are alike. Where the normalised form is missing, AUROC itself stands in for it.
    """
    names = list(dict.fromkeys(shown["tested_on"]))
    if order == "alphabetical":
        return sorted(names)
    probe = shown[shown["reader"] == "probe"]
    if order == "given" or len(names) < 3 or not set(names) <= set(probe["trained_on"]):
        return names
    value = "auroc" if probe["normalised"].isna().any() else "normalised"
    near = _matrix(probe, value, names, names).to_numpy(dtype=float)
    far = 1 - np.clip((near + near.T) / 2, 0, 1)
    np.fill_diagonal(far, 0)
    pairs = squareform(far, checks=False)
    return [names[leaf] for leaf in leaves_list(optimal_leaf_ordering(linkage(pairs, "average"), pairs))]


def cell_text(auroc: float, low: float, high: float, *, is_proven: bool) -> str:
    """Return ``0.87`` over its interval; the value in brackets where it is not shown to beat the words."""
    value = f"{auroc:.2f}" if is_proven else f"({auroc:.2f})"
    return value if np.isnan(low) else f"{value}\n{low:.2f}-{high:.2f}"


def beats_words(cells: pd.DataFrame) -> pd.Series:
    """Return which cells are words' own, or have a paired gain over the words that is above zero."""
    return (cells["reader"] == "words") | (cells["gain_low"] > 0)


def _panel(axis: Axes, cells: pd.DataFrame, rows: list[str], names: list[str]) -> None:
    proven = beats_words(cells)
    columns = cells[["auroc", "low", "high"]].to_numpy(dtype=float)
    text = [cell_text(*values, is_proven=bool(p)) for values, p in zip(columns, proven, strict=True)]
    sns.heatmap(
        _matrix(cells, "auroc", rows, names).astype(float),
        annot=_matrix(cells.assign(text=text), "text", rows, names).fillna("").to_numpy(),
        fmt="",
        vmin=0.5,
        vmax=1.0,
        cmap="crest",
        cbar=False,
        square=True,
        ax=axis,
        annot_kws={"fontsize": 6},
        linewidths=0.5,
        xticklabels=[as_drawn(name) for name in names],
        yticklabels=[as_drawn(name) for name in rows],
    )
    axis.set(xlabel="tested on", ylabel="trained on")
    axis.tick_params(axis="y", rotation=0)
    for label in axis.get_xticklabels():
        label.set(rotation=45, ha="right", rotation_mode="anchor")


def _matrix(cells: pd.DataFrame, value: str, rows: list[str], names: list[str]) -> pd.DataFrame:
    return cells.pivot(index="trained_on", columns="tested_on", values=value).loc[rows, names]


def _title(shown: pd.DataFrame, reader: str) -> str:
    if reader == "words":
        return READERS[reader]
    site = shown[shown["reader"] == reader].iloc[0]
    return f"{READERS[reader]}\nlayer {site['layer']}, {site['position']}"
