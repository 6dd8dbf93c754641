"""Axes that carry what is planted, and noise that is 1 along each of those of the factors."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.kinds import Codes
from unsinter.features.worlds.knobs import Knobs

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where things are in the space of activations.

    Attributes
    ----------
    plane : (4, d) orthonormal axes of the factors: two at the usual position, two at the other.
    categories : (n_categories, d), source : (1, d), length : (1, d), orthonormal to these and to each other.
    scale : (d,) standard deviation of each coordinate's noise before that of ``plane`` is set to 1.
    offset : (d,) mean of the noise: 0 but for the massive coordinates.
    massive : (2,) their indices, or (0,).
    """

    plane: Floats32
    categories: Floats32
    source: Floats32
    length: Floats32
    scale: Floats32
    offset: Floats32
    massive: NDArray[np.intp]


def draw_scene(knobs: Knobs, rng: np.random.Generator) -> Scene:
    """Draw axes, spectrum and massive coordinates; no axis touches a massive coordinate."""
    massive, usual = np.split(rng.permutation(knobs.d), [2 if knobs.massive else 0])
    axes = np.zeros((knobs.n_axes, knobs.d), dtype=np.float32)
    # A QR of a few columns, whatever d: a whole rotation would cost more than all the rest.
    axes[:, usual] = np.linalg.qr(rng.standard_normal((len(usual), knobs.n_axes)))[0].T
    scale = np.full(knobs.d, knobs.massive, dtype=np.float32)
    variance = np.arange(1, len(usual) + 1) ** -float(knobs.spectrum)
    scale[usual] = np.sqrt(variance / variance.mean())
    offset = np.zeros(knobs.d, dtype=np.float32)
    offset[massive] = knobs.massive * rng.choice([-1, 1], size=len(massive))
    plane, categories, source, length = np.split(axes, [4, 4 + knobs.n_categories, 5 + knobs.n_categories])
    return Scene(
        plane=plane,
        categories=categories,
        source=source,
        length=length,
        scale=scale,
        offset=offset,
        massive=massive,
    )


def draw_noise(scene: Scene, knobs: Knobs, group: Codes, rng: np.random.Generator) -> Floats32:
    """Return noise (n, d) of the scene's spectrum, of variance 1 along, and independent beside, its plane.

    That independence makes u_z itself the best direction to read z off, so that its AUC is known exactly.
    Rows of one ``group`` (n,) correlate, in every direction alike.
    """
    d = len(scene.scale)
    drawn = _standard(len(group), d + len(scene.plane), knobs, group, rng)
    X = drawn[:, :d] * scene.scale
    X += (drawn[:, d:] - X @ scene.plane.T) @ scene.plane
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
