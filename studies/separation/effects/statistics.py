"""What the forms of two effects say, with every row's share in the error, for every site at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.effects.gram import FORMS, Effects

_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectStatistic:
    """One number per site.

    Attributes
    ----------
    value : (n_sites,); NaN where it is not defined.
    influence : (n_sites, n) first-order change with the weight of a row; pairs of rows are in it twice.
    pairs : (n_sites,) variance that pairs of rows add where no effect is there to follow: the least that an
        error can be, and what the influence counts once too often.
    """

    value: FloatArray
    influence: FloatArray
    pairs: FloatArray


def effect_statistics(sites: Sequence[Effects]) -> dict[str, EffectStatistic]:
    """Return the statistics of one design by name, from its forms at every site.

    ``distance_first`` is the squared Mahalanobis length of the first factor's effect with the second held
    fixed; an AUROC a stands for 2 probit(a)^2. ``angle`` is the squared sine between both effects: 0 on one
    axis, 1 at right angles. ``beyond_second`` is what the second's effect keeps off the axis of the first,
    ``along_second`` how far it moves along that axis, in standard deviations. ``mixed`` and ``like`` are
    the squared distances of the two cells where one label is 1, and of the two where the labels are alike.
    """
    values = np.array([site.values for site in sites])
    linear: dict[str, tuple[FloatArray, FloatArray]] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, function in _FUNCTIONS.items():
            parts = [function(*row[:3]) for row in values]
            linear[name] = np.array([f[0] for f in parts]), np.array([f[1] for f in parts])
    statistics = {name: _delta_method(sites, value, gradient) for name, (value, gradient) in linear.items()}
    for place, name in enumerate(FORMS[3:]):
        statistics[name] = EffectStatistic(
            value=values[:, 3 + place],
            influence=np.stack([site.influence[3 + place] for site in sites]),
            pairs=np.array([2 * site.pairs_alone[place] for site in sites]),
        )
    return statistics


Form = tuple[float, tuple[float, float, float]]
"""A value, and its gradient in the squared lengths of both effects and their inner product."""

_UNDEFINED: Form = float("nan"), (float("nan"),) * 3


def _angle(a: float, b: float, c: float) -> Form:
    if min(a, b) <= _TINY:
        return _UNDEFINED
    cosine = c / (a * b)
    return 1 - c * cosine, (cosine * c / a, cosine * c / b, -2 * cosine)


def _beyond_second(a: float, b: float, c: float) -> Form:
    if a <= _TINY:
        return _UNDEFINED
    slope = c / a
    return b - c * slope, (slope * slope, 1.0, -2 * slope)


def _beyond_first(a: float, b: float, c: float) -> Form:
    value, (second, first, inner) = _beyond_second(b, a, c)
    return value, (first, second, inner)


def _along_second(a: float, b: float, c: float) -> Form:
    if a <= _TINY:
        return _UNDEFINED
    root = np.sqrt(a)
    return c / root, (-c / (2 * a * root), 0.0, 1 / root)


def _along_first(a: float, b: float, c: float) -> Form:
    value, (second, first, inner) = _along_second(b, a, c)
    return value, (first, second, inner)


_FUNCTIONS: dict[str, Callable[[float, float, float], Form]] = {
    "distance_first": lambda a, b, c: (a, (1.0, 0.0, 0.0)),
    "distance_second": lambda a, b, c: (b, (0.0, 1.0, 0.0)),
    "angle": _angle,
    "beyond_first": _beyond_first,
    "beyond_second": _beyond_second,
    "along_first": _along_first,
    "along_second": _along_second,
}


def _delta_method(sites: Sequence[Effects], value: FloatArray, gradient: FloatArray) -> EffectStatistic:
    influence = np.stack([g @ site.influence[:3] for g, site in zip(gradient, sites, strict=True)])
    pairs = np.array([_pair_variance(site, g) for g, site in zip(gradient, sites, strict=True)])
    return EffectStatistic(value=value, influence=influence, pairs=pairs)


def _pair_variance(site: Effects, gradient: FloatArray) -> float:
    """Return twice the sum over pairs of units of (p' Q q)^2 times their squared product."""
    Q = np.array([[gradient[0], gradient[2] / 2], [gradient[2] / 2, gradient[1]]])
    place = np.array([[0, 1], [1, 2]])
    total = 0.0
    for i, j, k, m in np.ndindex(2, 2, 2, 2):
        total += Q[i, j] * Q[k, m] * site.pairs[place[i, k], place[j, m]]
    return 2 * total
