"""A table of verdicts with every column of the contract: numbers are drawn, verdicts follow from them.

The rule is written out again here, on its own, so that the table is one that a run could have made.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm

from unsinter.studies.figures.verdict_text import factor
from unsinter.studies.reasons.columns import reason_columns
from unsinter.studies.reasons.reason import Reason

NAN = float("nan")
LAYERS, POSITIONS = range(7), ("instruction_end", "template_end")
WORDINGS = ("apology", "flat", "policy", "redirect")
CATEGORIES = ("fraud", "privacy", "weapons and explosives")
TOO_FEW = Reason("too-few-groups", n=12, cell="harmless and refused", needed=30)
INTERVALS = (
    "a",
    "b",
    "o_first",
    "o_second",
    "bits_first",
    "bits_second",
    "transfer_second",
    "transfer_category",
    "cosine",
)

# world -> A, B, O first, O second from the third layer on; before it each is at chance
WORLDS = {
    "apart": (0.97, 0.96, 0.93, 0.92),
    "one": (0.90, 0.89, 0.50, 0.51),
    "first": (0.95, 0.50, 0.88, 0.30),
    "second": (0.51, 0.93, 0.25, 0.90),
    "none": (0.50, 0.51, 0.49, 0.50),
}
PAIRS = {
    ("detached", "D-R"): ("apart", [("harmful", "refusal")]),
    ("detached", "D-W"): ("apart", [("harmful", wording) for wording in WORDINGS]),
    ("detached", "C-W"): ("none", [(c, w) for c in CATEGORIES for w in WORDINGS[:2]]),
    ("sintered", "D-R"): (None, [("harmful", "refusal")]),
    ("sintered", "D-W"): ("first", [("harmful", wording) for wording in WORDINGS]),
    ("sintered", "C-W"): ("one", [(c, w) for c in CATEGORIES for w in WORDINGS[:2]]),
}
OVERRIDES = {
    ("detached", "D-W", 3, "instruction_end"): "second",
    ("sintered", "C-W", 4, "template_end"): "second",
}


def verdict_of(row):
    """The rule of a verdict, from one row's bands: (verdict, reason)."""
    first, second = factor(row["first"]), factor(row["second"])

    def above(name):
        return row[f"{name}_low"] > 0.6

    def inside(name):
        return row[f"{name}_low"] > 0.35 and row[f"{name}_high"] < 0.65

    if inside("a") and inside("b"):
        return "neither", Reason("neither", first=first, second=second)
    if above("a") and inside("b"):
        return "first-only", Reason("one-factor", factor=first, other=second)
    if inside("a") and above("b"):
        return "second-only", Reason("one-factor", factor=second, other=first)
    if above("a") and above("b") and inside("o_first") and inside("o_second"):
        return "shared", Reason("one-axis")
    if all(above(name) for name in ("a", "b", "o_first", "o_second")):
        return "separable", Reason("two-axes")
    band = (row["a"], row["a_low"], row["a_high"])
    if not above("a") and not inside("a"):
        return "undetermined", Reason("factor-unsure", factor=first, other=second, auroc=band)
    return "undetermined", Reason("axes-unsure", angle=band)


def site_row(shared, world, layer, position, rng):
    rise = float(np.clip((layer - 0.5 - 0.5 * (position == POSITIONS[0])) / 3, 0, 1))
    row = dict(shared) | {"layer": layer, "position": position}
    row |= {f"{name}{end}": NAN for name in INTERVALS for end in ("", "_low", "_high")}
    is_erased = (layer, position) == (5, "template_end")
    row |= {
        name: NAN
        for name in (
            "reliability_first",
            "reliability_second",
            "cosine_noise_free",
            "cosine_null_low",
            "cosine_null_high",
            "cosine_position",
            "kept_first",
            "kept_second",
            "kept_first_random",
            "kept_second_random",
            "kept_first_permuted",
            "kept_second_permuted",
            "check_first",
            "check_second",
        )
    }
    row |= {
        "verdict": "undetermined",
        **reason_columns(TOO_FEW),
        "erased_site": False,
        "style_invariant": False,
        "category_general": False,
    }
    if world is None:
        return row
    middle = dict(
        zip(
            ("a", "b", "o_first", "o_second"),
            (0.5 + rise * (value - 0.5) for value in WORLDS[world]),
            strict=True,
        )
    )
    middle |= {
        "transfer_second": 0.5 + rise * 0.4,
        "transfer_category": 0.5 + rise * 0.42,
        "cosine": 0.2 * rise,
    }
    if shared["pair"] != "D-R":
        middle |= {"bits_first": 0.2 * rise, "bits_second": 0.15 * rise}
    for name, value in middle.items():
        value = min(value + rng.normal(scale=0.01), 1.0)
        half = (0.09 if name[0] == "o" else 0.05) * (1.2 - 0.6 * rise)
        row |= {name: value, f"{name}_low": value - half, f"{name}_high": min(value + half, 1.0)}
    row["verdict"], reason = verdict_of(row)
    row |= reason_columns(reason)
    row |= {
        "reliability_first": 0.9 * rise,
        "reliability_second": 0.85 * rise,
        "cosine_noise_free": 0.21 * rise,
        "cosine_null_low": -0.3,
        "cosine_null_high": 0.3,
        "cosine_position": 0.4,
        "erased_site": is_erased,
    }
    row |= {
        "style_invariant": row["verdict"] == "separable" and row["transfer_second_low"] > 0.7,
        "category_general": row["verdict"] == "separable" and row["transfer_category_low"] > 0.7,
    }
    if is_erased:
        row |= {
            f"kept_{which}_{null}": 0.99 for which in ("first", "second") for null in ("random", "permuted")
        }
        row |= {"kept_first": 0.97, "kept_second": 0.91, "check_first": 0.53, "check_second": 0.71}
    return row


def verdict_rows(seed=0):
    rng = np.random.default_rng(seed)
    for (model, pair), (world, contrasts) in PAIRS.items():
        first, second = pair.split("-")
        cells = {
            "groups_both": 402,
            "groups_first_only": 98,
            "groups_second_only": 12 if world is None else 140,
            "groups_neither": 426,
        }
        shared = {"model": model, "pair": pair, "first": first, "second": second} | cells
        shared |= {"phi": 0.61, "cramers_v": NAN if pair == "D-R" else 0.22, "stratified": pair != "D-R"}
        summary = [("all", "all", True)] if len(contrasts) > 1 else []
        for a, b, is_summary in [*summary, *((a, b, len(contrasts) == 1) for a, b in contrasts)]:
            named = shared | {"first_class": a, "second_class": b, "is_summary": is_summary}
            for position in POSITIONS:
                for layer in LAYERS:
                    here = OVERRIDES.get((model, pair, layer, position), world)
                    here = "first" if (model, pair, b) == ("detached", "D-W", "redirect") else here
                    yield site_row(named, here, layer, position, rng)


def verdict_table(columns, seed=0):
    """The table with lengths of effects in place of its AUROCs, and an angle where two factors are read."""
    table = pd.DataFrame(list(verdict_rows(seed))).reindex(columns=list(columns))
    for name, auroc in (("distance_first", "a"), ("distance_second", "b")):
        for end in ("", "_low", "_high"):
            table[f"{name}{end}"] = 2 * norm.ppf(table[f"{auroc}{end}"].clip(0.5, 0.999)) ** 2
    for end in ("", "_low", "_high"):
        table[f"angle{end}"] = (2 * table[f"o_first{end}"] - 1).clip(0, 1)
    return table.assign(settles="")


def across_table():
    """The table across categories: `detached` transfers, `sintered` is told on pooled rows only."""
    rows = []
    for model, decision, within, crossed in (
        ("detached", "detached", 0.94, 0.92),
        ("sintered", "sintered", 0.55, 0.51),
    ):
        for layer in (3, 5):
            row = {
                "model": model,
                "layer": layer,
                "position": "template_end",
                "selected": layer == 5,
                "decision": decision,
            }
            row["headline"] = row["statement"] = (
                f"wording is told with AUROC {within:.2f} [{within - 0.04:.2f}, {within + 0.04:.2f}] within "
                f"a category and {crossed:.2f} on categories left out, against .97 on pooled rows."
            )
            for name, value in (
                ("pooled", 0.97),
                ("within", within),
                ("wording_transfer", crossed),
                ("common_share", 0.7),
            ):
                row |= {name: value, f"{name}_low": value - 0.04, f"{name}_high": value + 0.02}
            row |= {"category_alone": 0.88, "rank": 2.1, "rank_one_axis_low": 1.0, "rank_one_axis_high": 1.2}
            rows.append(row)
    return pd.DataFrame(rows)
