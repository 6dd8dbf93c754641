"""Verdicts in words, marks and colours; why one is missing; which site of a run speaks for a pair."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from unsinter.studies.figures.style import MUTED, SERIES
from unsinter.studies.reasons.columns import row_reason
from unsinter.studies.reasons.reason import commonest, shared_words
from unsinter.studies.study.group_minimums import MIN_CELL_GROUPS
from unsinter.studies.study.targets import factor_of
from unsinter.studies.study.verdict_defaults import EFFECT_FLOOR, LEVEL, MARGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a verdict is shown: a mark that reads without colour, a colour, one plain word, what it means."""

    mark: str
    colour: str
    plain: str
    meaning: str


LOOKS = {
    "separable": Look(
        mark="\u2260", colour=SERIES[2], plain="detached", meaning="represented apart (detached)"
    ),
    "shared": Look(
        mark="=", colour=SERIES[1], plain="sintered", meaning="one quantity to a linear probe (sintered)"
    ),
    "first-only": Look(mark="1", colour=SERIES[0], plain="first only", meaning="only the first is read"),
    "second-only": Look(mark="2", colour=SERIES[3], plain="second only", meaning="only the second is read"),
    "neither": Look(
        mark="0", colour=SERIES[5], plain="neither", meaning="neither is read with the other held fixed"
    ),
    "not-apart": Look(
        mark="\u2282", colour=SERIES[4], plain="not apart", meaning="nothing of the second beyond the first"
    ),
    "undetermined": Look(mark="?", colour=MUTED, plain="open", meaning="nothing is said"),
}
"""Verdict -> its look, in the order in which they are told."""

STATISTICS = ("a", "b", "o_first", "o_second")
"""The AUROCs that stand beside a verdict for people."""

VOID = 0.6
"""AUROC of a fresh probe of an erased factor above which its erasure says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What the rule asked for in a run."""

    effect_floor: float = EFFECT_FLOOR
    margin: float = MARGIN
    min_groups: int = MIN_CELL_GROUPS
    level: float = LEVEL


def thresholds_of(study: dict[str, Any]) -> Thresholds:
    """Return the thresholds that a study file sets under `separation`, and the defaults of the others."""
    section = study.get("separation")
    known = Thresholds.__dataclass_fields__
    named = section if isinstance(section, dict) else {}
    return Thresholds(**{name: value for name, value in named.items() if name in known and value is not None})


def model_in_words(name: str) -> str:
    """Return what a sentence calls a model: its name, set off where that reads as a verdict."""
    is_verdict = name.lower().replace("_", "-") in {*LOOKS, "detached", "sintered", "open"}
    return f'the model "{name}"' if is_verdict else name


def factor(letter: Any) -> str:
    """Return what a factor is called in a sentence."""
    return factor_of(str(letter)).noun


def short_factor(letter: Any) -> str:
    """Return what a factor is called where room is short."""
    return factor_of(str(letter)).short_noun


def factors_of(rows: pd.DataFrame) -> tuple[str, str]:
    """Return what the two factors of a pair's rows are called."""
    return factor(rows["first"].iloc[0]), factor(rows["second"].iloc[0])


def unknown_verdict(verdicts: pd.DataFrame) -> str | None:
    """Return what to say of a verdict that this version does not know; None where it knows all of them."""
    names = verdicts["verdict"].unique() if "verdict" in verdicts else ()
    unknown = next((str(name) for name in names if name not in LOOKS), None)
    if unknown is None:
        return None
    return (
        f"holds the verdict {unknown!r}, this unsinter knows {', '.join(LOOKS)}; "
        "read the run with the version that wrote it."
    )


def summary_rows(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the row per model, pair and site that speaks for the pair."""
    return verdicts[verdicts["is_summary"].astype(bool)]


def reasons_of(rows: pd.DataFrame) -> list[tuple[str, int]]:
    """Return why nothing is said, with the number of undetermined rows, the most frequent first.

    Reasons that differ by their numbers only are one, told without the numbers in which they differ.
    """
    open_rows = rows[rows["verdict"] == "undetermined"].to_dict("records")
    return [(shared_words(group), len(group)) for group in commonest(map(row_reason, open_rows))]


def chosen_site(rows: pd.DataFrame, results: pd.DataFrame | None) -> tuple[dict[str, Any], str]:
    """Return the row of the site that speaks for a pair, and how it was chosen.

    The site chosen in training for the first factor, else for the second, else where erasure was run, else
    the deepest: never one that was picked by its own verdict.

    Parameters
    ----------
    rows : summary rows of one model and pair, or the rows of one contrast.
    results : of the run; None where it has none.
    """
    model = rows["model"].iloc[0]
    for target in (rows["first"].iloc[0], rows["second"].iloc[0]):
        site = None if results is None else _selected(results, model=model, target=target)
        if site is not None:
            here = rows[(rows["layer"] == site[0]) & (rows["position"] == site[1])]
            if len(here):
                return here.iloc[0].to_dict(), f"chosen in training for {target}"
    erased = rows[rows["erased_site"] == True]  # noqa: E712  missing values are no sites of erasure
    if len(erased):
        return erased.iloc[0].to_dict(), "where erasure was run"
    return rows.loc[rows["layer"].idxmax()].to_dict(), "the deepest layer; none was chosen in training"


def _selected(results: pd.DataFrame, *, model: Any, target: Any) -> tuple[int, str] | None:
    own = results[(results["model"] == model) & (results["target"] == target)]
    own = own[own["selected"].astype(bool)]
    if own.empty:
        return None
    row = own.loc[own["inner_score"].idxmax()]
    return int(row["layer"]), str(row["position"])
