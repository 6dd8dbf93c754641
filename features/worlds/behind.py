"""What may stand behind labels and activations: a graded quantity, two sources, signs, angles.

Each is drawn given the labels, so that these are the same in every kind of world with the same seed, and from
the distribution that makes the labels depend on it alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from unsinter.features.worlds.codings import Codes
from unsinter.features.worlds.knobs import Knobs, each
from unsinter.features.worlds.labels import W_OF_CELL, Z_OF_CELL, cell_shares, flipped

Floats = NDArray[np.float64]

SOURCE_AGREES = 0.9
"""Share of rows in which a label is what its source suggests."""

LEAST_PHI = 0.05
"""Correlation below which labels hardly follow a graded quantity, so that it could not be coded by them."""

_GRID = np.linspace(-6, 6, 4001)


class WorldLabels(NamedTuple):
    """Truth of every row: family (n,), z (n,), w (n,), category (n,)."""

    family: Codes
    z: Codes
    w: Codes
    category: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What stands behind the labels of a world.

    Attributes
    ----------
    parts : (n, k) how far it moves each row along each of its k axes, in noise standard deviations.
    quantity : (n,) of standard normal distribution, or None.
    covariates : name to (n,) names: what a study that knew of it would declare.
    """

    parts: Floats
    quantity: Floats | None = None
    covariates: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)


DrawBehind: TypeAlias = Callable[[WorldLabels, Knobs, np.random.Generator], Behind]


class GradedQuantity(NamedTuple):
    """A standard normal quantity t that both labels cut, each with an error of its own.

    z is 1 where l t + sqrt(1 - l^2) e exceeds a cut; w likewise, of -t where phi is negative. l is such that
    the labels have their rates and correlation.

    Attributes
    ----------
    density : (4, m) of t on a grid given each of CELLS, each row summing to 1.
    effect : mean distance of t between the two values of a label with the other held fixed by least squares,
        averaged over both labels.
    """

    density: Floats
    effect: float

    @classmethod
    def of(cls, knobs: Knobs) -> "GradedQuantity":
        """Return the quantity behind settled knobs.

        Raises
        ------
        ValueError : phi is too small for any to be.
        """
        if abs(knobs.phi) < LEAST_PHI:
            raise ValueError(
                f"phi must be at least {LEAST_PHI:g} away from 0 where both labels follow one quantity, got "
                f"{knobs.phi!r}; take a larger one."
            )
        shares = cell_shares(knobs)
        joint = _joint(_loading(shares, knobs), knobs)
        density = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
        means = density @ _GRID
        root = np.sqrt(shares)[:, None]
        design = root * np.stack([np.ones(4), Z_OF_CELL, W_OF_CELL], axis=1)
        _, effect_z, effect_w = np.linalg.lstsq(design, root[:, 0] * means)[0]
        return cls(density, float(abs(effect_z) + abs(effect_w)) / 2)

    def draw(self, cell: Codes, rng: np.random.Generator) -> Floats:
        """Return t (n,) given the cell of each unit (n,)."""
        uniform, t = rng.random(len(cell)), np.empty(len(cell))
        for place, density in enumerate(self.density):
            own = cell == place
            t[own] = np.interp(uniform[own], np.cumsum(density) - density / 2, _GRID)
        return t


def _loading(shares: Floats, knobs: Knobs) -> float:
    """Return the l that puts the right share of rows into the cell where both labels are 1."""

    def excess(loading: float) -> float:
        return float(_joint(loading, knobs)[0].sum() - shares[0]) * np.sign(knobs.phi)

    sharpest = 1 - 1e-6
    return sharpest if excess(sharpest) <= 0 else float(brentq(excess, 0, sharpest))


def _joint(loading: float, knobs: Knobs) -> Floats:
    """Return the share (4, m) of rows in each cell and at each point of the grid."""
    assert knobs.rate_second is not None
    weight = norm.pdf(_GRID)
    blur = np.sqrt(1 - loading**2)
    z = norm.cdf((loading * _GRID + norm.ppf(knobs.rate_first)) / blur)
    w = norm.cdf((np.sign(knobs.phi) * loading * _GRID + norm.ppf(knobs.rate_second)) / blur)
    return np.stack([z * w, z * (1 - w), (1 - z) * w, (1 - z) * (1 - w)]) * weight / weight.sum()


def graded(labels: WorldLabels, knobs: Knobs, rng: np.random.Generator) -> Behind:
    """Draw one quantity that both labels cut and that moves one axis straight."""
    t, gain = _quantity(labels, knobs, rng)
    return Behind(parts=gain * t[:, None], quantity=t)


def curved(labels: WorldLabels, knobs: Knobs, rng: np.random.Generator) -> Behind:
    """Draw one quantity t that both labels cut and that moves activations on the curve (t, t^2 - 1)."""
    t, gain = _quantity(labels, knobs, rng)
    return Behind(parts=gain * np.stack([t, t**2 - 1], axis=1), quantity=t)


def sources(labels: WorldLabels, knobs: Knobs, rng: np.random.Generator) -> Behind:
    """Draw two sources, each of which moves an axis and decides one label in most rows."""
    _, row, family = np.unique(labels.family, return_index=True, return_inverse=True)
    parts = [flipped(codes[row], 1 - SOURCE_AGREES, rng)[family] for codes in (labels.z, labels.w)]
    names = np.char.add(np.array(["a", "b"])[parts[0]], np.array(["1", "2"])[parts[1]])
    return Behind(parts=np.stack(parts, axis=1) * np.array(each(knobs.effect)), covariates={"source": names})


def exclusive_or(labels: WorldLabels, knobs: Knobs, rng: np.random.Generator) -> Behind:
    """Draw two signs that differ where w = 1: neither of them tells w alone."""
    return Behind(parts=_signs(labels.w, each(knobs.effect)[1], rng))


def both_exclusive_or(labels: WorldLabels, knobs: Knobs, rng: np.random.Generator) -> Behind:
    """Draw two signs that differ where w = 1, and two others that differ where z = 1."""
    effect_z, effect_w = each(knobs.effect)
    return Behind(parts=np.hstack([_signs(labels.w, effect_w, rng), _signs(labels.z, effect_z, rng)]))


def radius(labels: WorldLabels, knobs: Knobs, rng: np.random.Generator) -> Behind:
    """Draw a random angle, and a distance from the centre that is larger where w = 1."""
    angle = rng.uniform(0, 2 * np.pi, len(labels.w))
    length = each(knobs.effect)[1] * (labels.w + 0.5)
    return Behind(parts=length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _signs(codes: Codes, effect: float, rng: np.random.Generator) -> Floats:
    sign = rng.choice([-0.5, 0.5], size=len(codes))
    return effect * np.stack([sign, sign * (1 - 2 * codes)], axis=1)


def _quantity(labels: WorldLabels, knobs: Knobs, rng: np.random.Generator) -> tuple[Floats, float]:
    """Return the quantity of each row (n,), the same within a family, and what one unit of it moves."""
    graded = GradedQuantity.of(knobs)
    _, row, family = np.unique(labels.family, return_index=True, return_inverse=True)
    cell = 3 - 2 * labels.z[row] - labels.w[row]
    return graded.draw(cell, rng)[family], float(np.mean(each(knobs.effect))) / graded.effect
