"""Worlds of one axis coded in unusual ways, and worlds whose labels err."""

from collections.abc import Mapping
from types import MappingProxyType

from unsinter.features.worlds import behind, codings
from unsinter.features.worlds.kinds import WorldKind, world_kind

UNEQUAL_CUTS = {"rate_first": 0.6, "rate_second": 0.4, "phi": 0.4}
"""Rates of labels that cut one quantity at different places."""

ONE_AXIS: Mapping[str, WorldKind] = MappingProxyType(
    {
        "swapped": world_kind(
            "shared",
            codings.against,
            "x = a (z - w) u: as shared, with the other value of w coded 1.",
            one_axis=True,
        ),
        "unequal_pull": world_kind(
            "shared", codings.weakly_together, "x = a (z + w / 4) u: w moves the axis less.", one_axis=True
        ),
        "unequal_pull_swapped": world_kind(
            "shared", codings.weakly_against, "x = a (z - w / 4) u.", one_axis=True
        ),
        "graded": world_kind(
            "shared",
            codings.nothing,
            "x = g t u, where z and w are 1 if t exceeds a cut, each with an error of its own; with a "
            "negative phi one of them is coded the other way round.",
            behind=behind.graded,
            n_hidden=1,
            axes=(0, 0),
            one_axis=True,
        ),
        "graded_unequal": world_kind(
            "shared",
            codings.nothing,
            "As graded, with w cut higher than z.",
            behind=behind.graded,
            n_hidden=1,
            axes=(0, 0),
            one_axis=True,
            defaults=UNEQUAL_CUTS,
        ),
        "graded_unequal_swapped": world_kind(
            "shared",
            codings.nothing,
            "As graded, with other cuts for z and w, the other value of w coded 1 and phi negative.",
            behind=behind.graded,
            n_hidden=1,
            axes=(0, 0),
            one_axis=True,
            defaults={"rate_first": 0.6, "rate_second": 0.6, "phi": -0.4},
        ),
        "graded_curve": world_kind(
            "shared",
            codings.nothing,
            "As graded_unequal, but t moves x on the curve (t, t^2 - 1): one quantity, two dimensions.",
            behind=behind.curved,
            n_hidden=2,
            axes=(0, 1),
            defaults=UNEQUAL_CUTS,
        ),
    }
)
"""One quantity that both labels follow."""

LABEL_ERRORS: Mapping[str, WorldKind] = MappingProxyType(
    {
        "hidden_bit": world_kind(
            "not-apart",
            codings.first,
            "x = a b u, and b is read by z with 5 % and by w with 20 % errors.",
            "shared",
            one_bit=True,
            one_axis=True,
            defaults={"label_noise": (0.05, 0.2)},
        ),
        "hidden_bit_known": world_kind(
            "not-apart",
            codings.first,
            "As hidden_bit, with known rates of errors.",
            "shared",
            one_bit=True,
            one_axis=True,
            defaults={"label_noise": (0.05, 0.2)},
            rates_known=True,
        ),
        "first_only_noisy": world_kind(
            "first-only",
            codings.first,
            "x = a z u_z, and the label of z errs in 20 % of rows.",
            defaults={"label_noise": (0.2, 0.0)},
        ),
        "first_only_noisy_known": world_kind(
            "first-only",
            codings.first,
            "As first_only_noisy, with known rates of errors.",
            defaults={"label_noise": (0.2, 0.0)},
            rates_known=True,
        ),
        "shared_noisy_w": world_kind(
            "shared",
            codings.together,
            "As shared, and the label of w errs in 15 % of rows.",
            one_axis=True,
            defaults={"label_noise": (0.0, 0.15)},
        ),
        "shared_noisy_w_known": world_kind(
            "shared",
            codings.together,
            "As shared_noisy_w, with known rates of errors.",
            one_axis=True,
            defaults={"label_noise": (0.0, 0.15)},
            rates_known=True,
        ),
        "orthogonal_noisy_w": world_kind(
            "separable",
            codings.apart,
            "As orthogonal, and the label of w errs in 15 % of rows.",
            defaults={"label_noise": (0.0, 0.15)},
        ),
        "orthogonal_noisy_w_known": world_kind(
            "separable",
            codings.apart,
            "As orthogonal_noisy_w, with known rates of errors.",
            defaults={"label_noise": (0.0, 0.15)},
            rates_known=True,
        ),
    }
)
"""Labels that err, with and without the rates."""
