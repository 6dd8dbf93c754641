"""Scores across layers as a drawing: the bands of both classes; the script adds the line of one prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from unsinter.studies.explorer.axes import Axis, ModelAxes
from unsinter.studies.explorer.scales import Scale, scale_of

LEFT, RIGHT, TOP, BOTTOM = 56.0, 420.0, 12.0, 168.0
"""Ends of the drawing in its own units, 440 wide and 210 high; the script knows them too."""

_MOST_LAYERS = 12
"""Layers that are named below the drawing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The middle of a class from layer to layer, and its median, as paths; a gap where no score is."""

    is_positive: bool
    around: str
    median: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One target's drawing at one position.

    Attributes
    ----------
    rows, columns : place and text of the numbers beside and below it.
    sides : names of the positive class and of the other.
    """

    title: str
    sides: tuple[str, str]
    scale: Scale
    rows: Sequence[tuple[float, str]]
    columns: Sequence[tuple[float, str]]
    bands: Sequence[Band]


def curves(axis: Axis, axes: ModelAxes, title: str) -> Iterator[Curve]:
    """Yield the drawing of an axis at each position."""
    n, every = len(axes.layers), -(-len(axes.layers) // _MOST_LAYERS)
    xs = np.linspace(LEFT, RIGHT, n) if n > 1 else np.array([LEFT])
    columns = [(_rounded(x), str(layer)) for x, layer in zip(xs, axes.layers, strict=True)][::every]
    for scores, bands in zip(axis.scores, axis.bands, strict=True):
        zero = np.zeros(1, np.float32)
        scale = scale_of(np.concatenate([scores.ravel(), bands.ravel(), zero]), room=0.05, n=5)
        ys = BOTTOM - (bands - scale.low) / (scale.high - scale.low) * (BOTTOM - TOP)
        yield Curve(
            title=title,
            sides=axis.sides,
            scale=scale,
            rows=[
                (_rounded(BOTTOM - (v - scale.low) / (scale.high - scale.low) * (BOTTOM - TOP)), text)
                for v, text in scale.ticks
            ],
            columns=columns,
            bands=[_band(xs, ys[:, side], is_positive=bool(side)) for side in (0, 1)],
        )


def _band(xs: NDArray[np.float64], ys: NDArray[np.float64], *, is_positive: bool) -> Band:
    """Return the paths of a class from its places (n_layers, 3) of the lower edge, median and upper edge."""
    parts = [
        [place for place, _ in run]
        for known, run in groupby(enumerate(np.isfinite(ys[:, 1])), key=lambda own: bool(own[1]))
        if known
    ]

    def path(places: Sequence[int], which: int) -> list[str]:
        return [f"{_rounded(xs[place])} {_rounded(ys[place, which])}" for place in places]

    return Band(
        is_positive=is_positive,
        around="".join(f"M{'L'.join([*path(part, 0), *path(part[::-1], 2)])}z" for part in parts),
        median="".join(f"M{'L'.join(path(part, 1))}" for part in parts),
    )


def _rounded(value: float) -> float:
    return round(float(value), 1)
