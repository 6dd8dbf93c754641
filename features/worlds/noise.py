"""Axes that carry what is planted, and noise that is 1 along each of those of the factors."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.codings import Codes
from unsinter.features.worlds.knobs import Knobs

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseScene:
    """Where things are in the space of activations.

    Attributes
    ----------
    plane : (4, d) orthonormal axes of the factors: two at the usual position, two at the other.
    hidden : (n_hidden, d) further such axes, of what stands behind the labels.
    categories : (n_categories, d), source : (1, d), length : (1, d), orthonormal to these and to each other.
    scale : (d,) standard deviation of each coordinate's noise before that of these axes is set to 1.
    offset : (d,) mean of the noise: 0 but for the massive coordinates.
    massive : (2,) their indices, or (0,).
    """

    plane: Floats32
    hidden: Floats32
    categories: Floats32
    source: Floats32
    length: Floats32
    scale: Floats32
    offset: Floats32
    massive: NDArray[np.intp]


def draw_scene(knobs: Knobs, rng: np.random.Generator, *, n_hidden: int = 0) -> NoiseScene:
    """Draw axes, spectrum and massive coordinates; no axis touches a massive coordinate."""
    massive, usual = np.split(rng.permutation(knobs.d), [2 if knobs.massive else 0])
    axes = np.zeros((knobs.n_axes + n_hidden, knobs.d), dtype=np.float32)
    # A QR of a few columns, whatever d: a whole rotation would cost more than all the rest.
    drawn = rng.standard_normal((len(usual), len(axes)))
    if knobs.columns:
        _confine(drawn, knobs.columns)
    axes[:, usual] = np.linalg.qr(drawn)[0].T
    scale = np.full(knobs.d, knobs.massive, dtype=np.float32)
    variance = np.arange(1, len(usual) + 1) ** -float(knobs.spectrum)
    scale[usual] = np.sqrt(variance / variance.mean())
    offset = np.zeros(knobs.d, dtype=np.float32)
    offset[massive] = knobs.massive * rng.choice([-1, 1], size=len(massive))
    last = knobs.n_axes
    plane, categories, source, length, hidden = np.split(axes, [4, last - 2, last - 1, last])
    return NoiseScene(
        plane=plane,
        hidden=hidden,
        categories=categories,
        source=source,
        length=length,
        scale=scale,
        offset=offset,
        massive=massive,
    )


def _confine(drawn: NDArray[np.float64], columns: int) -> None:
    """Leave the first two axes (columns of ``drawn``) as many coordinates of their own, in equal shares.

    The coordinates come in random order already, and a QR keeps both axes as they are.
    """
    for axis in (0, 1):
        own = slice(axis * columns, (axis + 1) * columns)
        kept = np.sign(drawn[own, axis])
        drawn[:, axis] = 0
        drawn[own, axis] = kept


def draw_noise(
    scene: NoiseScene, knobs: Knobs, group: Codes, rng: np.random.Generator, *, swell: np.random.Generator
) -> Floats32:
    """Return noise (n, d) of the scene's spectrum, of variance 1 along, and uncorrelated beside, its axes.

    With normal noise these are independent, which makes u_z itself the best direction to read z off, so that
    its AUC is known exactly. Rows of one ``group`` (n,) correlate, in every direction alike.

    Parameters
    ----------
    swell : of the factors by which heavy tails stretch rows.
    """
    d = len(scene.scale)
    axes = np.concatenate([scene.plane, scene.hidden])
    drawn = _standard(len(group), d + len(axes), knobs, group, rng)
    X = drawn[:, :d] * scene.scale
    X += (drawn[:, d:] - X @ axes.T) @ axes
    if np.isfinite(knobs.tails):
        # The variance of t is df / (df - 2); it is brought back to 1.
        stretch = np.sqrt((knobs.tails - 2) / swell.chisquare(knobs.tails, size=len(X)))
        X *= stretch[:, None].astype(np.float32)
    X += scene.offset
    return X


def _standard(n: int, width: int, knobs: Knobs, group: Codes, rng: np.random.Generator) -> Floats32:
    """Return standard normals (n, width); a group's rows share g^2 / (1 + g^2) of their variance."""
    rows = rng.standard_normal((n, width), dtype=np.float32)
    if knobs.rows_per_group == 1 or knobs.group_effect == 0:
        return rows
    own = 1 / sqrt(1 + knobs.group_effect**2)
    shared = rng.standard_normal((int(group[-1]) + 1, width), dtype=np.float32)
    rows *= np.float32(own)
    rows += (np.float32(own * knobs.group_effect) * shared)[group]
    return rows
