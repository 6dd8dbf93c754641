"""One look for every figure: names, colours that colour-blind readers tell apart, type for a phone."""

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

import matplotlib as mpl
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unsinter.studies.study.cells import CELL_WORDS

METRICS = {"auroc": "AUROC", "macro_f1": "macro-F1"}

INK, MUTED, LINE, PAPER = "#1b2129", "#5b6673", "#d9dee5", "#fffefd"
SERIES = ("#0072b2", "#c44e00", "#00805e", "#a8437f", "#9a6b00", "#4a5a6a")
"""Okabe and Ito's hues, darkened until each has a contrast of 4.5 to 1 with white paper."""

_LOOKS = ((SERIES[1], "o"), (SERIES[3], "^"), (SERIES[4], "s"), (SERIES[0], "D"))

CELLS = {cell: (*look, words) for (cell, words), look in zip(CELL_WORDS.items(), _LOOKS, strict=True)}
"""Cell of D x R -> colour, marker, name."""

GAP = "\u00a0" * 3
"""Space that HTML does not fold."""

PANEL_WIDTH = 3.5
"""Inches of one panel: as wide as a phone, so that 8 points of type are shown at 11 pixels."""

TYPE = 8.0
"""Points of the smallest type in a panel."""


def colours(names: Iterable[str]) -> dict[str, str]:
    """Return a colour per name, in order of first appearance; they repeat after the sixth."""
    return {name: SERIES[i % len(SERIES)] for i, name in enumerate(dict.fromkeys(names))}


_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_OTHER_SCRIPTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "Microsoft YaHei", "PingFang SC", "Noto Sans Devanagari", "Noto Sans Arabic", "Arial Unicode MS",
)  # fmt: skip
"""Faces asked for the glyphs that DejaVu Sans lacks, where they are installed."""


def as_drawn(name: str) -> str:
    """Return a name of the user's on one line, with a sign in place of what no SVG file can hold."""
    return _NO_XML.sub("\ufffd", " ".join(str(name).splitlines()))


@cache
def faces() -> list[str]:
    """Return the faces that text is drawn in, each for what those before it lack."""
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in installed)]


def drawing_fault(error: Exception) -> str:
    """Return what to say, on one line, of a figure that could not be drawn."""
    cause = as_drawn(" ".join(str(error).split()))[:200]
    return f"{type(error).__name__}: {cause}" if cause else type(error).__name__


@contextmanager
def names_as_written() -> Iterator[None]:
    """Draw text made inside as it is written: a category called "$x$" is a name, not a formula."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcParams.update({"text.parse_math": False, "text.usetex": False})
        mpl.rcParams.update({"font.family": "sans-serif", "font.sans-serif": faces()})
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@contextmanager
def drawing() -> Iterator[None]:
    """Set type, grid and plain text for the figures made inside; leaves the caller's settings alone."""
    settings = {
        **sns.axes_style("whitegrid"),
        "font.family": "sans-serif",
        # The widest face that a page is likely to show the type in: room measured by it is enough for others.
        "font.sans-serif": faces(),
        "font.size": TYPE,
        "axes.titlesize": TYPE + 1,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": TYPE,
        "xtick.labelsize": TYPE,
        "ytick.labelsize": TYPE,
        "legend.fontsize": TYPE,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "axes.edgecolor": LINE,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        # A category called "$x$" is a name, not a formula.
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "unsinter",
    }
    with mpl.rc_context(), warnings.catch_warnings():
        # From the defaults: a theme that the caller set must not change a figure.
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        # Type stays type in our SVG files: whoever shows them has the glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def panel(height: float, *, width: float = PANEL_WIDTH) -> tuple[Figure, Axes]:
    """Return a figure of one panel, sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axis = figure.subplots()
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    return figure, axis


def shorten(name: str, length: int = 40) -> str:
    """Return the name, cut with an ellipsis where it is longer than ``length`` characters."""
    name = as_drawn(" ".join(name.split()))
    return name if len(name) <= length else name[: length - 1].rstrip() + "…"
