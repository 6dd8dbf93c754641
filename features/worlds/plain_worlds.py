"""Worlds of two axes, one, or none, with a single complication each."""

from collections.abc import Mapping
from types import MappingProxyType

from unsinter.features.worlds import codings
from unsinter.features.worlds.kinds import WorldKind, world_kind

PLAIN_WORLDS: Mapping[str, WorldKind] = MappingProxyType(
    {
        "orthogonal": world_kind("separable", codings.apart, "x = a z u_z + a w u_w with orthogonal axes."),
        "separable_cos5": world_kind(
            "separable", codings.apart, "As orthogonal, with axes at cosine .5.", defaults={"cosine": 0.5}
        ),
        "separable_cos7": world_kind(
            "separable", codings.apart, "As orthogonal, with axes at cosine .7.", defaults={"cosine": 0.7}
        ),
        "separable_cos9": world_kind(
            "separable", codings.apart, "As orthogonal, with axes at cosine .9.", defaults={"cosine": 0.9}
        ),
        "shared": world_kind(
            "shared",
            codings.together,
            "x = a (z + w) u: one quantity, which both factors move.",
            one_axis=True,
        ),
        "first_only": world_kind("first-only", codings.first, "x = a z u_z: w is not coded."),
        "second_only": world_kind("second-only", codings.second, "x = a w u_w: z is not coded."),
        "neither": world_kind("neither", codings.nothing, "x codes neither factor."),
        "category": world_kind(
            "neither",
            codings.nothing,
            "x codes the category only; z and w follow it and are independent within one, so nothing "
            "is left once it is held fixed. Shared is tolerated: one thing, the category, does move both.",
            "shared",
            follows_category=True,
        ),
        "gated": world_kind(
            "undetermined",
            codings.gated,
            "x = a z u_z + a z w u_w: w is coded only where z = 1, so no verdict on all rows is right. "
            "Separable (true where z = 1) and first-only (true where z = 0) are tolerated.",
            "separable",
            "first-only",
        ),
        "lexical": world_kind(
            "neither",
            codings.nothing,
            "x is a linear image of the text features, which leak z and w, plus noise that carries nothing: "
            "nothing in it is beyond the text.",
            defaults={"text_leak": 1.5, "category_effect": 0.0},
            lexical=True,
        ),
        "position": world_kind(
            "shared",
            codings.together,
            "x = a (z + w) u, where each row is read at one of two positions and u is turned by 90 degrees "
            "at the other: z read at one and w at the other look separate.",
            defaults={"position_mixing": 0.5},
            one_axis=True,
        ),
        "duplicates": world_kind(
            "neither",
            codings.nothing,
            "Rows are near copies of originals whose labels mean nothing; every row claims to be a group "
            "of its own, so a split by groups puts copies on both sides.",
            defaults={"rows_per_group": 4, "group_effect": 100.0},
            copies=True,
        ),
        "shared_noisy": world_kind(
            "shared",
            codings.together,
            "As shared, with wrong labels: z in 5 % of rows, w in 15 %.",
            defaults={"label_noise": (0.05, 0.15)},
            one_axis=True,
        ),
        "one_category": world_kind(
            "undetermined",
            codings.apart_in_one_category,
            "x = a z u_z + a w u_w in the first category, a (z + w) u_z in all others: separable in one "
            "category only. Shared (true of most rows) is tolerated.",
            "shared",
        ),
    }
)
"""Kinds of worlds by name."""
