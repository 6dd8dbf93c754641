"""Numbers as the report prints them: .751 [.684, .808], +.006, p = .004."""

import math
from collections.abc import Mapping
from typing import Any

from unsinter.studies.figures.style import METRICS
from unsinter.studies.tables.floor_words import FLOOR_WORDS

NOTHING = "\u2013"
MINUS = "\u2212"


def is_number(value: Any) -> bool:
    """Return whether a table's cell holds a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def score_text(value: Any) -> str:
    """Return .751; a dash where there is no number."""
    if not is_number(value):
        return NOTHING
    text = f"{abs(value):.3f}".removeprefix("0")
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def control_text(row: Mapping[str, Any]) -> str:
    """Return the control: of a control task with interval and groups; that it is of shuffled labels, else."""
    if row.get("control_name") == "shuffled labels":
        return f"{score_text(row['control'])} shuffled"
    n = row.get("control_groups")
    groups = f", {int(n):,} groups" if is_number(n) and n else ""
    return with_interval(row, "control", "control_low", "control_high") + groups


def gain_text(value: Any) -> str:
    """Return +.006 or -.093, the sign always written, of -.0004 too: it tells the side of zero."""
    if not is_number(value):
        return NOTHING
    return f"{MINUS if value < 0 else '+'}{score_text(abs(value))}"


def with_interval(row: Mapping[str, Any], name: str, low: str, high: str) -> str:
    """Return the value and its interval, as .751 [.684, .808]; gains keep their signs."""
    write = gain_text if name == "gain" else score_text
    if not is_number(row.get(name)):
        return NOTHING
    if not (is_number(row.get(low)) and is_number(row.get(high))):
        return write(row[name])
    return f"{write(row[name])} [{write(row[low])}, {write(row[high])}]"


def score_of(row: Mapping[str, Any]) -> str:
    """Return a probe's score with its interval."""
    return with_interval(row, "score", "score_low", "score_high")


def gain_of(row: Mapping[str, Any]) -> str:
    """Return the difference to the floor with its interval."""
    return with_interval(row, "gain", "gain_low", "gain_high")


def p_text(value: Any) -> str:
    """Return p = .004, or p < .001."""
    if not is_number(value):
        return NOTHING
    return "p < .001" if value < 0.0005 else f"p = {score_text(float(value))}"


def metric_of(row: Mapping[str, Any]) -> str:
    """Return AUROC, or macro-F1 with its number of classes."""
    name = METRICS.get(str(row["metric"]), str(row["metric"]))
    return name if row["metric"] == "auroc" else f"{name} of {row['classes']}"


def site_of(row: Mapping[str, Any]) -> str:
    """Return the site in words."""
    return f"layer {row['layer']}, {row['position']}"


def floor_phrase(name: Any) -> str:
    """Return what a floor knows, in words."""
    return FLOOR_WORDS.get(str(name), str(name))


def join_words(parts: list[str]) -> str:
    """Return "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
