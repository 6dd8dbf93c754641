"""The column ``used`` of the verdicts: does the model use what is told apart there?"""

from typing import Any

import pandas as pd

from unsinter.studies.causal.rule import NO, OPEN, YES
from unsinter.studies.tables.verdict_columns import NOT_TESTED

OUTCOME_OF = {"R": "refusal", "W": "wording"}
"""Second factor of a pair -> what the first factor's direction must change."""


def with_used(verdicts: pd.DataFrame, causal: pd.DataFrame | None) -> pd.DataFrame:
    """Return verdicts with the column ``used``: yes, no, open, or not tested at sites that were not.

    It says of a row's first factor whether changing its direction there changes what the row's second factor
    is about: whether the answer begins as a refusal (R), or in which wording (W).
    """
    if causal is None or causal.empty:
        return verdicts.assign(used=NOT_TESTED)
    effects = causal[causal["kind"] == "effect"]
    known: dict[tuple[Any, ...], dict[str, str]] = {}
    for row in effects.to_dict("records"):
        place = (row["model"], row["factor"], row["outcome"], int(row["layer"]), row["position"])
        known.setdefault(place, {})[row["class"]] = row["used"]
    return verdicts.assign(used=[_used(row, known) for row in verdicts.to_dict("records")])


def _used(row: dict[str, Any], known: dict[tuple[Any, ...], dict[str, str]]) -> str:
    outcome = OUTCOME_OF.get(row["second"])
    place = (row["model"], row["first"], outcome, int(row["layer"]), row["position"])
    by_class = known.get(place, {})
    if row["first_class"] in by_class:
        return by_class[row["first_class"]]
    if not by_class or row["first_class"] not in ("all", ""):
        return NOT_TESTED
    values = set(by_class.values())
    return values.pop() if len(values) == 1 and values <= {YES, NO} else OPEN
