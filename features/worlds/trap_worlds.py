"""Worlds that mislead: weak, rare and non-linear codes, and labels that only seem to be coded."""

from collections.abc import Mapping
from math import sqrt
from types import MappingProxyType

from scipy.stats import norm

from unsinter.features.worlds import behind, codings
from unsinter.features.worlds.kinds import TextView, WorldKind, world_kind
from unsinter.features.worlds.one_axis_worlds import UNEQUAL_CUTS

WEAK = float(sqrt(2) * norm.ppf(0.68))
"""Effect of a factor that the best linear reader reads with an AUROC of .68."""


def _group_effect(shared: float) -> float:
    """Return the knob at which rows of a family share so much of their variance."""
    return sqrt(shared / (1 - shared))


def _paraphrases(shared: float, text: TextView = "hidden") -> WorldKind:
    kept = " Their texts keep half of their words." if text == "paraphrases" else ""
    return world_kind(
        "neither",
        codings.nothing,
        f"Families of four rows that share {shared:.0%} of the noise's variance and the labels, which mean "
        f"nothing; every row claims to be a group of its own.{kept}",
        defaults={"rows_per_group": 4, "group_effect": _group_effect(shared)},
        copies=True,
        text=text,
    )


HARD_TO_SEE: Mapping[str, WorldKind] = MappingProxyType(
    {
        "weak_second": world_kind(
            "separable",
            codings.apart,
            "As orthogonal, with w read at an AUROC of .68 by the best reader.",
            second_effect=WEAK,
        ),
        "sparse": world_kind(
            "separable",
            codings.apart,
            "As orthogonal, with either axis in five columns of its own.",
            defaults={"columns": 5},
        ),
        "rare_cell": world_kind(
            "separable",
            codings.apart,
            "As orthogonal, with z alone in 3 % of rows (at a phi of .6).",
            defaults={"phi": 0.6, "rate_second": 0.6547},
        ),
        "exclusive_or": world_kind(
            "separable",
            codings.first,
            "z moves u_z; w is whether two signs differ, each on an axis of its own: not linear.",
            behind=behind.exclusive_or,
            n_hidden=2,
        ),
        "both_exclusive_or": world_kind(
            "separable",
            codings.nothing,
            "Either factor is whether two signs differ, four axes in all: not linear.",
            behind=behind.both_exclusive_or,
            n_hidden=4,
        ),
        "radius": world_kind(
            "separable",
            codings.first,
            "z moves u_z; w is how far x lies from the centre of another plane: not linear.",
            behind=behind.radius,
            n_hidden=2,
        ),
        "product": world_kind(
            "separable",
            codings.product,
            "z moves u_z; w moves u_w up where z = 1 and down where z = 0.",
        ),
        "turned_by_category": world_kind(
            "separable",
            codings.turned_by_category,
            "z moves u_z; w moves u_w up in every second category and down in the others.",
        ),
        "paraphrase_groups": world_kind(
            "separable",
            codings.apart,
            "As orthogonal, in groups of two to six paraphrases that share half of the noise's variance, the "
            "labels and, rightly, a group.",
            defaults={"rows_per_group": 4, "sizes": "spread", "group_effect": 1.0},
        ),
    }
)
"""Two factors apart, but weak, sparse, rare, or not on straight axes."""

NOTHING_CODED: Mapping[str, WorldKind] = MappingProxyType(
    {
        "source_hidden": world_kind(
            "neither",
            codings.nothing,
            "Two sources move an axis each and decide a label each in nine of ten rows; none is declared.",
            "separable",
            "shared",
            "first-only",
            "second-only",
            behind=behind.sources,
            n_hidden=2,
            axes=(0, 1),
            is_identifiable=False,
        ),
        "source_declared": world_kind(
            "neither",
            codings.nothing,
            "As source_hidden, with the sources declared.",
            behind=behind.sources,
            n_hidden=2,
            axes=(0, 1),
            declared=True,
        ),
        "length": world_kind(
            "neither",
            codings.nothing,
            "The length of the texts moves x on a curve, and both labels follow it.",
            behind=behind.curved,
            n_hidden=2,
            axes=(0, 1),
            defaults=UNEQUAL_CUTS,
            text="length",
        ),
        "length_straight": world_kind(
            "neither",
            codings.nothing,
            "The length of the texts moves x along an axis, and both labels follow it.",
            behind=behind.graded,
            n_hidden=1,
            axes=(0, 0),
            one_axis=True,
            defaults=UNEQUAL_CUTS,
            text="length",
        ),
        "paraphrases_30": _paraphrases(0.3),
        "paraphrases_50": _paraphrases(0.5),
        "paraphrases_70": _paraphrases(0.7),
        "paraphrases_97": _paraphrases(0.97),
        "paraphrases_30_text": _paraphrases(0.3, "paraphrases"),
        "paraphrases_50_text": _paraphrases(0.5, "paraphrases"),
        "zipf_groups": world_kind(
            "neither",
            codings.nothing,
            "x codes neither factor; rows come in groups of sizes 1, 1/2, 1/3 and so on of the largest, with "
            "labels of whole groups.",
            defaults={"rows_per_group": 4, "sizes": "zipf", "group_effect": 1.0},
        ),
        "large_groups": world_kind(
            "neither",
            codings.nothing,
            "x codes neither factor; rows come in a few groups of 16, with labels of whole groups.",
            defaults={"rows_per_group": 16, "group_effect": 1.0},
        ),
    }
)
"""Labels that mean nothing for x once what stands behind both is held fixed."""
