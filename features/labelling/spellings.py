"""One map of the spellings in which files write R, for every reader of labels."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

Refusal = Literal["refusal", "partial_refusal", "compliance"]

SPELLINGS: Mapping[Refusal, tuple[str, ...]] = {
    "refusal": (
        "refusal",
        "refused",
        "refuse",
        "refuses",
        "full_refusal",
        "fully_refused",
        "complete_refusal",
        "hard_refusal",
        "direct_refusal",
        "indirect_refusal",
        "rejection",
        "rejected",
        "declined",
        "non_compliance",
        "noncompliance",
        "non_compliant",
        "noncompliant",
        "not_compliant",
        "not_complied",
        "denied",
    ),
    "partial_refusal": (
        "partial_refusal",
        "partially_refused",
        "partial",
        "partial_compliance",
        "partially_complied",
        "partly_refused",
    ),
    "compliance": (
        "compliance",
        "complied",
        "comply",
        "complies",
        "compliant",
        "full_compliance",
        "fully_complied",
        "complete_compliance",
        "direct_answer",
        "answer",
        "answered",
        "fulfilled",
        "fulfillment",
        "fulfilment",
        "non_refusal",
        "not_refused",
        "not_refusal",
        "no_refusal",
    ),
}
"""Spellings of each value of R, in the form that :func:`plain` gives; XSTest's ``1_full_compliance`` and
the like are
read without their number."""

_MEANING: Mapping[str, Refusal] = {
    spelling: meaning for meaning, spellings in SPELLINGS.items() for spelling in spellings
}


def plain(label: str) -> str:
    """Return a label in lower case, words joined by ``_``, without a number that codes it."""
    words = re.sub(r"[\s\-_/]+", "_", label.strip().casefold()).strip("_")
    return re.sub(r"^\d+[._):]*(?=[a-z])", "", words)


def read_refusal(label: str | None) -> Refusal | None:
    """Return what a label says of R; None where there is no label, or it says something else.

    Do-Not-Answer's other actions (refutation, dual_perspective, disclaimer_help, inability_or_uncertainty)
    say what a response does, not whether it refuses: they are no value of R and count as unknown.
    """
    return None if label is None else _MEANING.get(plain(label))


def unknown_spellings(labels: Iterable[str | None]) -> dict[str, int]:
    """Count the labels, as they are written, that stand for no value of R; the commonest come first."""
    counts = Counter(label for label in labels if label is not None and read_refusal(label) is None)
    return dict(counts.most_common())
