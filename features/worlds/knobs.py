"""The settings of a world, checked before anything is drawn."""

from dataclasses import dataclass
from math import sqrt
from numbers import Integral
from statistics import NormalDist
from typing import TypeAlias

CELLS = ("both", "first_only", "second_only", "neither")
"""The cells of z and w: (1, 1), (1, 0), (0, 1), (0, 0), in the order in which they are given everywhere."""

EFFECT = sqrt(2) * NormalDist().inv_cdf(0.95)
"""Noise standard deviations between two classes that the best reader tells apart with an AUC of .95."""

Each: TypeAlias = float | tuple[float, float]
"""One number for both factors, or one for z and one for w."""

_RANGES: dict[str, tuple[float, float, str]] = {
    "n": (4, float("inf"), "[)"),
    "seed": (0, float("inf"), "[)"),
    "phi": (-1, 1, "[]"),
    "cosine": (-1, 1, "()"),
    "effect": (0, float("inf"), "()"),
    "rate_first": (0, 1, "()"),
    "rate_second": (0, 1, "()"),
    "rows_per_group": (1, float("inf"), "[)"),
    "group_effect": (0, float("inf"), "[)"),
    "label_noise": (0, 0.5, "[)"),
    "n_categories": (2, float("inf"), "[)"),
    "category_effect": (0, float("inf"), "[)"),
    "position_mixing": (0, 1, "[]"),
    "n_words": (8, float("inf"), "[)"),
    "tails": (2, float("inf"), "(]"),
    "columns": (0, float("inf"), "[)"),
    "text_leak": (0, float("inf"), "[)"),
    "source_offset": (0, float("inf"), "[)"),
    "length_effect": (0, float("inf"), "[)"),
    "spectrum": (0, float("inf"), "[)"),
    "massive": (0, float("inf"), "[)"),
}
_WHOLE = ("n", "d", "seed", "rows_per_group", "n_categories", "n_words", "columns")

SIZES = {"equal": 1, "spread": 2, "zipf": 2}
"""Names of how sizes of groups are spread, and the fewest rows per group with which they can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """Everything that decides a world, but for its kind.

    Sizes are in standard deviations of the noise along the planted axes, which is 1 and the same for all.

    Parameters
    ----------
    n, d : rows and dimensions.
    phi : correlation of z and w before label noise, exact in expectation.
    cells : groups in each of CELLS, exactly; then ``n``, ``phi`` and the rates follow from it.
    rate_first, rate_second : rate of z = 1 and of w = 1. None is .5, or what ``zero_cell`` leaves.
    zero_cell : one of CELLS that cannot occur; ``rate_second`` then follows from ``phi`` and ``rate_first``.
    cosine : between u_z and u_w; not of kinds with one axis.
    effect : distance between the two values of a factor; of (z, w) where they differ. Where both labels cut
        one quantity, mean distance with the other label held fixed by least squares.
    rows_per_group : related rows, which share category, source, length, z and w; copies in ``duplicates``.
    sizes : of groups: ``equal``, ``spread`` from 2 to 2 less than twice the rows per group, or ``zipf``, the
        k-th one a k-th of the largest; ``rows_per_group`` then is their mean.
    group_effect : standard deviation of what a group's rows share over that of what they do not; together
        they are the noise, so rows of a group correlate by g^2 / (1 + g^2).
    label_noise : share of rows whose observed z, and w, is flipped.
    n_categories, category_effect : topics, and how far each moves x along an axis of its own.
    position_mixing : share of rows read at another position, where the planted axes are turned by 90 degrees.
    n_words : text features, each whether a word occurs.
    text_leak : log-odds that z = 1, and w = 1, adds to each of a quarter of the words, or takes from every
        second of them; in the kind ``lexical`` this is all that x knows.
    source_offset, length_effect : distance between two sources, and per standard deviation of log length,
        each along an axis of its own and independent of everything else.
    spectrum : the k-th largest variance of a coordinate falls as k to the power -spectrum; their mean is 1.
    tails : degrees of freedom of the noise, which is multivariate t of the same variance; inf is normal.
    columns : coordinates that each of u_z and u_w, before ``cosine``, has to itself; 0 is all of them.
    massive : mean size and standard deviation of two huge coordinates, which carry nothing; 0 is none.
    seed : of all draws. Labels, noise, axes and text have streams of their own: a knob of one leaves the
        others, and two kinds with one seed have the same labels and noise.

    Raises
    ------
    ValueError : a knob outside its range, or too few dimensions; the sentence says which and what is allowed.
    TypeError : a fraction where a whole number is asked for.
    """

    n: int = 800
    d: int = 128
    phi: float = 0.6
    seed: int = 0
    cells: tuple[int, int, int, int] | None = None
    rate_first: float = 0.5
    rate_second: float | None = None
    zero_cell: str | None = None
    cosine: float = 0.0
    effect: Each = EFFECT
    rows_per_group: int = 1
    sizes: str = "equal"
    group_effect: float = 0.5
    label_noise: Each = 0.0
    n_categories: int = 4
    category_effect: float = 3.0
    position_mixing: float = 0.0
    n_words: int = 64
    text_leak: Each = 0.0
    source_offset: float = 1.0
    length_effect: float = 0.5
    spectrum: float = 1.0
    massive: float = 100.0
    tails: float = float("inf")
    columns: int = 0

    def __post_init__(self) -> None:
        for name in _WHOLE:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral):
                raise TypeError(f"{name} must be a whole number, got {value!r}.")
        for name, (low, high, ends) in _RANGES.items():
            for value in each(getattr(self, name) if getattr(self, name) is not None else 0.5):
                _check_range(name, value, low, high, ends)
        if self.d < self.n_axes + 2:
            raise ValueError(
                f"d must be at least {self.n_axes + 2} with {self.n_categories} categories, so that every "
                f"planted axis has a dimension, got {self.d}; raise d or lower n_categories."
            )
        self._check_cells()
        self._check_places()

    @property
    def n_axes(self) -> int:
        """Axes that something is planted on: two for the factors at each position, and the nuisances."""
        return 4 + self.n_categories + 2

    def _check_places(self) -> None:
        if self.sizes not in SIZES:
            raise ValueError(f"sizes must be one of {', '.join(SIZES)}, got {self.sizes!r}.")
        if self.rows_per_group < SIZES[self.sizes]:
            raise ValueError(
                f"sizes {self.sizes!r} needs at least {SIZES[self.sizes]} rows_per_group, got "
                f"{self.rows_per_group}."
            )
        if 2 * self.columns > self.d - 2:
            raise ValueError(
                f"columns must be at most {(self.d - 2) // 2} with d {self.d}, so that either axis has its "
                f"own beside the massive coordinates, got {self.columns}; lower it or raise d."
            )

    def _check_cells(self) -> None:
        if self.zero_cell is not None and self.zero_cell not in CELLS:
            raise ValueError(f"zero_cell must be one of {', '.join(CELLS)} or None, got {self.zero_cell!r}.")
        if self.cells is None:
            return
        if len(self.cells) != 4 or not all(isinstance(size, Integral) and size >= 0 for size in self.cells):
            raise ValueError(f"cells must be four counts of groups ({', '.join(CELLS)}), got {self.cells!r}.")
        both, first, second, neither = self.cells
        if 0 in (both + first, second + neither, both + second, first + neither):
            raise ValueError(
                f"cells must leave both values of z and of w, got {self.cells!r}; fill one more cell."
            )


def each(value: Each) -> tuple[float, float]:
    """Return the knob's value for z and for w.

    Raises
    ------
    ValueError : unless it is a number or two.
    """
    if not isinstance(value, tuple | list):
        return value, value
    if len(value) != 2:
        raise ValueError(f"a knob of both factors is one number, or two for z and w, got {value!r}.")
    return value[0], value[1]


def _check_range(name: str, value: float, low: float, high: float, ends: str) -> None:
    above = value >= low if ends[0] == "[" else value > low
    below = value <= high if ends[1] == "]" else value < high
    if not (above and below):
        raise ValueError(f"{name} must lie in {ends[0]}{low:g}, {high:g}{ends[1]}, got {value!r}.")
