"""The words of reasons of the study over categories."""

from unsinter.studies.reasons.template import words

ACROSS_CATEGORIES = {
    "wording-of-its-own": words(
        "wording is read within a category, also by probes that never saw that category"
    ),
    "wording-of-category": words("wording is read on pooled rows, and not once the category is held fixed"),
    "pooled-unsure": words("wording is not surely readable even on pooled rows", " ({pooled!b:.2f})"),
    "transfer-unsure": words(
        "wording is read within a category",
        " ({within!b:.2f})",
        ", but not surely by probes that never saw that category",
        " ({transfer!b:.2f})",
    ),
    "single-wordings": words("within a category only {names!l} is surely readable"),
    "within-unsure": words(
        "within a category wording may or may not be readable",
        " ({within!b:.2f})",
        "; {n:d} groups of the rarer side were compared, about {wanted:d} would tell; sample several answers "
        "per prompt",
        short="within a category wording may or may not be readable; more groups of the rarer side would "
        "tell; sample several answers per prompt",
    ),
    "within-below-chance": words(
        "within a category wording may or may not be readable",
        " ({within!b:.2f})",
        "; {n:d} groups of the rarer side were compared, more of them would not tell, as the value itself "
        "lies below chance",
        short="within a category wording may or may not be readable; more groups of the rarer side would not "
        "tell, as the value itself lies below chance",
    ),
    "one-style": words(
        "all refusals are of one style ({style}), so there is no wording to tell apart",
    ),
    "no-worded-refusals": words("there are no worded refusals, so there is no wording to tell apart"),
    "one-category": words(
        "refusals are of one category, which cannot be told from their wording by holding it fixed"
    ),
    "too-few-off-style": words(
        "too few groups in off-style cells: {n:d} of the rarer side summed over categories, {needed:d} are "
        "needed; sample several answers per prompt or add prompts",
        short="too few groups in off-style cells; sample several answers per prompt or add prompts",
    ),
    "too-few-categories": words(
        "two categories with {needed:d} harmful groups are needed, got {n:d}",
        " (groups: {counts!c})",
        short="two categories with enough harmful groups are needed",
    ),
    "too-few-harmless": words(
        "harmless rows have {n:d} groups per category, {needed:d} are needed",
        short="harmless rows have too few groups per category",
    ),
    "interval-too-wide": words("the interval is too wide"),
}
"""Of the study over categories."""
