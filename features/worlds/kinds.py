"""The kinds of worlds: how each codes the two factors, and which verdicts are right, tolerable and false."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Verdict: TypeAlias = Literal[
    "separable", "shared", "first-only", "second-only", "neither", "not-apart", "undetermined"
]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

Codes: TypeAlias = NDArray[np.int64]
"""(n,) 0 or 1 of a factor, or a category's number."""

Coding: TypeAlias = Callable[[Codes, Codes, Codes], tuple[Codes, Codes, Codes]]
"""From z, w, category to the multiples of u_z that z and that w add, and the multiple of u_w that w adds."""


def _apart(z: Codes, w: Codes, category: Codes) -> tuple[Codes, Codes, Codes]:
    return z, 0 * w, w


def _together(z: Codes, w: Codes, category: Codes) -> tuple[Codes, Codes, Codes]:
    return z, w, 0 * w


def _first(z: Codes, w: Codes, category: Codes) -> tuple[Codes, Codes, Codes]:
    return z, 0 * w, 0 * w


def _second(z: Codes, w: Codes, category: Codes) -> tuple[Codes, Codes, Codes]:
    return 0 * z, 0 * w, w


def _nothing(z: Codes, w: Codes, category: Codes) -> tuple[Codes, Codes, Codes]:
    return 0 * z, 0 * w, 0 * w


def _gated(z: Codes, w: Codes, category: Codes) -> tuple[Codes, Codes, Codes]:
    return z, 0 * w, z * w


def _apart_in_one_category(z: Codes, w: Codes, category: Codes) -> tuple[Codes, Codes, Codes]:
    return z, w * (category != 0), w * (category == 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldKind:
    """One way in which activations may code two factors.

    Attributes
    ----------
    description : one line: what x is made of, and why the truth is what it is.
    truth : the right verdict; ``undetermined`` where none is right.
    tolerated : verdicts that are not false here, ``undetermined`` (never false) left out, the truth included.
    coding : which multiples of the planted axes z and w add.
    defaults : knobs whose default differs in this kind.
    one_axis : u_w is u_z, so the knob ``cosine`` is fixed at 1.
    follows_category : z and w depend on the category, and on nothing else.
    lexical : x is a linear image of the text features plus noise.
    copies : rows are near copies of originals, and ``groups`` does not say so.
    """

    description: str
    truth: Verdict
    tolerated: frozenset[Verdict]
    coding: Coding
    defaults: Mapping[str, Any] = field(default_factory=dict)
    one_axis: bool = False
    follows_category: bool = False
    lexical: bool = False
    copies: bool = False

    @property
    def wrong(self) -> frozenset[Verdict]:
        """The verdicts that are false calls: all but ``undetermined`` and the tolerated ones."""
        return frozenset(VERDICTS) - self.tolerated - {"undetermined"}


def _kind(truth: Verdict, coding: Coding, description: str, *also: Verdict, **settings: Any) -> WorldKind:
    """Return a kind whose tolerated verdicts are its truth and those of ``also``."""
    own: frozenset[Verdict] = frozenset({truth}) - {"undetermined"}
    return WorldKind(
        description=description, truth=truth, tolerated=own | set(also), coding=coding, **settings
    )


WORLDS: Mapping[str, WorldKind] = MappingProxyType(
    {
        "orthogonal": _kind("separable", _apart, "x = a z u_z + a w u_w with orthogonal axes."),
        "separable_cos5": _kind(
            "separable", _apart, "As orthogonal, with axes at cosine .5.", defaults={"cosine": 0.5}
        ),
        "separable_cos7": _kind(
            "separable", _apart, "As orthogonal, with axes at cosine .7.", defaults={"cosine": 0.7}
        ),
        "separable_cos9": _kind(
            "separable", _apart, "As orthogonal, with axes at cosine .9.", defaults={"cosine": 0.9}
        ),
        "shared": _kind(
            "shared", _together, "x = a (z + w) u: one quantity, which both factors move.", one_axis=True
        ),
        "first_only": _kind("first-only", _first, "x = a z u_z: w is not coded."),
        "second_only": _kind("second-only", _second, "x = a w u_w: z is not coded."),
        "neither": _kind("neither", _nothing, "x codes neither factor."),
        "category": _kind(
            "neither",
            _nothing,
            "x codes the category only; z and w follow it and are independent within one, so nothing "
            "is left once it is held fixed. Shared is tolerated: one thing, the category, does move both.",
            "shared",
            follows_category=True,
        ),
        "gated": _kind(
            "undetermined",
            _gated,
            "x = a z u_z + a z w u_w: w is coded only where z = 1, so no verdict on all rows is right. "
            "Separable (true where z = 1) and first-only (true where z = 0) are tolerated.",
            "separable",
            "first-only",
        ),
        "lexical": _kind(
            "neither",
            _nothing,
            "x is a linear image of the text features, which leak z and w, plus noise that carries nothing: "
            "nothing in it is beyond the text.",
            defaults={"text_leak": 1.5, "category_effect": 0.0},
            lexical=True,
        ),
        "position": _kind(
            "shared",
            _together,
            "x = a (z + w) u, where each row is read at one of two positions and u is turned by 90 degrees "
            "at the other: z read at one and w at the other look separate.",
            defaults={"position_mixing": 0.5},
            one_axis=True,
        ),
        "duplicates": _kind(
            "neither",
            _nothing,
            "Rows are near copies of originals whose labels mean nothing; every row claims to be a group "
            "of its own, so a split by groups puts copies on both sides.",
            defaults={"rows_per_group": 4, "group_effect": 100.0},
            copies=True,
        ),
        "shared_noisy": _kind(
            "shared",
            _together,
            "As shared, with wrong labels: z in 5 % of rows, w in 15 %.",
            defaults={"label_noise": (0.05, 0.15)},
            one_axis=True,
        ),
        "one_category": _kind(
            "undetermined",
            _apart_in_one_category,
            "x = a z u_z + a w u_w in the first category, a (z + w) u_z in all others: separable in one "
            "category only. Shared (true of most rows) is tolerated.",
            "shared",
        ),
    }
)
"""Every kind of world by name."""
