"""The evidence of one verdict as named texts, for a screen and for a page alike."""

from collections.abc import Mapping
from typing import Any

from unsinter.studies.figures.verdict_text import VOID
from unsinter.studies.report.evidence.numbers import NOTHING, is_number, score_text, with_interval

INTERVALS = {
    "A: first, second held fixed": "a",
    "B: second, first held fixed": "b",
    "O first, where they disagree": "o_first",
    "O second, where they disagree": "o_second",
    "bits of the first beyond text": "bits_first",
    "bits of the second beyond text": "bits_second",
    "first across the second's values": "transfer_second",
    "first across categories": "transfer_category",
    "cosine of the directions": "cosine",
}
"""What a statistic is called -> its column."""


def evidence_texts(row: Mapping[Any, Any]) -> dict[str, str]:
    """Return every statistic of one row of the verdicts' table by name, bands in brackets."""
    return {
        "verdict": str(row["verdict"]),
        "besides": _besides(row),
        **{
            name: with_interval(row, column, f"{column}_low", f"{column}_high")
            for name, column in INTERVALS.items()
        },
        "cosine without noise; by chance": _cosines(row),
        "reliability of the directions": _two(row, "reliability"),
        "cosine across positions": score_text(row["cosine_position"]),
        "first kept after erasing the second": _kept(row, "first", "second"),
        "second kept after erasing the first": _kept(row, "second", "first"),
        "groups: both, first, second, neither": _groups(row),
        "phi; Cram\u00e9r V with category": f"{score_text(row['phi'])}; {score_text(row['cramers_v'])}",
        "compared within": "one category" if row["stratified"] else "all rows",
    }


def _besides(row: Mapping[Any, Any]) -> str:
    also = {"style_invariant": "style-invariant", "category_general": "category-general"}
    named = [name for column, name in also.items() if row[column] is True or row[column] == 1]
    return ", ".join(named) or NOTHING


def _cosines(row: Mapping[Any, Any]) -> str:
    if not is_number(row["cosine"]):
        return NOTHING
    low, high = (score_text(row[f"cosine_null_{end}"]) for end in ("low", "high"))
    return f"{score_text(row['cosine_noise_free'])}; {low} to {high}"


def _two(row: Mapping[Any, Any], name: str) -> str:
    first, second = (score_text(row[f"{name}_{which}"]) for which in ("first", "second"))
    return NOTHING if first == second == NOTHING else f"{first}, {second}"


def _kept(row: Mapping[Any, Any], factor: str, erased: str) -> str:
    """Return the share kept, and whether what was erased was really gone: else the share says nothing."""
    kept, check = row[f"kept_{factor}"], row[f"check_{erased}"]
    if not is_number(kept):
        return NOTHING
    if not is_number(check):
        return f"{score_text(kept)} (not checked)"
    return (
        f"void: still read at {score_text(check)}"
        if check > VOID
        else f"{score_text(kept)} (check {score_text(check)}{_nulls(row, factor)})"
    )


def _nulls(row: Mapping[Any, Any], factor: str) -> str:
    """Return what erasing a random direction, or permuted labels, leaves of a factor."""
    random, permuted = (row[f"kept_{factor}_{null}"] for null in ("random", "permuted"))
    if not is_number(random) or not is_number(permuted):
        return ""
    return f"; at random {score_text(random)}, permuted {score_text(permuted)}"


def is_void(row: Mapping[Any, Any]) -> bool:
    """Return whether an erasure was run here that says nothing: the erased factor could still be read."""
    return any(is_number(row[name]) and row[name] > VOID for name in ("check_first", "check_second"))


def _groups(row: Mapping[Any, Any]) -> str:
    names = ("groups_both", "groups_first_only", "groups_second_only", "groups_neither")
    return ", ".join(f"{int(row[name]):,}" if is_number(row[name]) else NOTHING for name in names)
