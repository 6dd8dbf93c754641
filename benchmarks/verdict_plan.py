"""Which worlds, sizes, strengths and correlations the verdict is tried on: a chosen part of the full product.

Every kind of world comes at d 128 and 768, at two n, three best AUROCs and several phi. The power rows
follow, then small samples, many dimensions, heavy tails and the correlations in between. ``PLAN`` is ordered
so that its beginning holds every kind once: a run that is stopped early has seen them all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from unsinter.features.worlds import WORLDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the benchmark.

    Attributes
    ----------
    world : a kind of ``WORLDS``.
    n, d : rows and dimensions of the activations.
    auc : AUROC of the best linear reader of a factor with the other held fixed, by normal noise.
    phi : correlation of the factors before label errors; None where the kind allows one only.
    knobs : further knobs of ``make_world``.
    """

    world: str
    n: int
    d: int
    auc: float
    phi: float | None
    knobs: dict[str, Any] = field(default_factory=dict)

    def key(self) -> dict[str, Any]:
        """Return the fields that tell rows apart."""
        return {
            "world": self.world,
            "n": self.n,
            "d": self.d,
            "auc": self.auc,
            "phi": self.phi,
            "knobs": self.knobs,
        }


USUAL = ((800, 128, 0.99), (2000, 128, 0.9), (800, 768, 0.95), (2000, 768, 0.99), (2000, 128, 0.99))
"""n, d and AUROC that every kind is tried at."""

USUAL_PHI = (0.6, 0.6, 0.3, 0.8, -0.6)

_UNEQUAL_PHI = (0.4, 0.4, 0.3, 0.5, -0.6)

PHI_OF: dict[str, tuple[float | None, ...]] = {
    "hidden_bit": (None,) * 5,
    "hidden_bit_known": (None,) * 5,
    "rare_cell": (0.6,) * 5,
    "graded_unequal": _UNEQUAL_PHI,
    "graded_curve": _UNEQUAL_PHI,
    "length": _UNEQUAL_PHI,
    "length_straight": _UNEQUAL_PHI,
    "graded_unequal_swapped": (-0.4, -0.4, -0.3, -0.5, -0.6),
    # Labels of a few whole groups leave no cell filled where they correlate.
    "large_groups": (0.0, 0.0, 0.0, 0.3, -0.3),
    "zipf_groups": (0.0, 0.3, 0.0, 0.6, -0.3),
}
"""Correlations of the kinds that cannot have the usual ones, or are of interest at others."""

SMALL = (
    "orthogonal",
    "shared",
    "swapped",
    "unequal_pull",
    "graded",
    "first_only",
    "first_only_noisy",
    "weak_second",
    "exclusive_or",
    "neither",
    "paraphrases_50",
    "source_declared",
    "zipf_groups",
)
"""Kinds also tried at n = 300."""

TAILED = (
    "orthogonal",
    "shared",
    "swapped",
    "unequal_pull",
    "graded",
    "first_only",
    "first_only_noisy_known",
    "shared_noisy_w_known",
    "neither",
    "paraphrases_50",
    "zipf_groups",
)
"""Kinds also tried with noise of multivariate t with 4 degrees of freedom."""

POWER = (
    Row(world="orthogonal", n=800, d=128, auc=0.99, phi=0.8),
    Row(world="orthogonal", n=800, d=768, auc=0.99, phi=0.8),
    Row(world="orthogonal", n=800, d=768, auc=0.95, phi=0.8),
    Row(world="orthogonal", n=800, d=768, auc=0.9, phi=0.6),
    Row(world="orthogonal", n=800, d=768, auc=0.9, phi=0.8),
    Row(world="paraphrase_groups", n=800, d=128, auc=0.95, phi=0.6),
)
"""What two axes must be told apart at."""


def _usual() -> Iterator[Row]:
    for place, (n, d, auc) in enumerate(USUAL):
        for world in WORLDS:
            yield Row(world=world, n=n, d=d, auc=auc, phi=PHI_OF.get(world, USUAL_PHI)[place])


def _further() -> Iterator[Row]:
    for world in SMALL:
        yield Row(world=world, n=300, d=128, auc=0.95, phi=0.3)
    for world in TAILED:
        yield Row(world=world, n=800, d=128, auc=0.95, phi=0.3, knobs={"tails": 4.0})
    for phi in (0.0, 0.3, 0.6, 0.8):
        for d in (128, 768):
            for auc in (0.8, 0.9, 0.95):
                yield Row(world="orthogonal", n=800, d=d, auc=auc, phi=phi)
    # Weak factors in many dimensions, and in few of very many.
    for n in (800, 2000):
        yield Row(world="orthogonal", n=n, d=2304, auc=0.8, phi=0.3)
        yield Row(world="weak_second", n=n, d=768, auc=0.95, phi=0.0)
    for n, auc in ((300, 0.9), (800, 0.9), (800, 0.8)):
        yield Row(world="sparse", n=n, d=4096, auc=auc, phi=0.3)
    for world in ("shared", "swapped", "graded", "first_only", "second_only", "neither"):
        for phi in (0.0, 0.3, 0.6, 0.8, -0.6):
            if world != "graded" or phi:
                yield Row(world=world, n=800, d=128, auc=0.95, phi=phi)
    for world in ("shared_noisy_w", "shared_noisy_w_known", "first_only_noisy", "first_only_noisy_known"):
        yield Row(world=world, n=2000, d=128, auc=0.95, phi=0.8)
    for world in ("paraphrase_groups", "exclusive_or", "both_exclusive_or", "radius", "product"):
        yield Row(world=world, n=800, d=128, auc=0.95, phi=0.0)


def _once(*parts: Iterator[Row]) -> tuple[Row, ...]:
    rows: dict[str, Row] = {}
    for part in parts:
        for row in part:
            rows.setdefault(repr(row.key()), row)
    return tuple(rows.values())


def _ordered() -> tuple[Row, ...]:
    usual = list(_usual())
    return _once(iter(usual[: len(WORLDS)]), iter(POWER), iter(usual[len(WORLDS) :]), _further())


PLAN: tuple[Row, ...] = _ordered()
