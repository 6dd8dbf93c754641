"""The words of the lines of the answer: what each verdict says, in which models, at which sites."""

from collections.abc import Sequence

from unsinter.studies.figures.verdict_text import model_in_words
from unsinter.studies.report.evidence.numbers import join_words

NAMED = 3
"""Models that a line names before it counts the rest."""

SENTENCES = {
    "separable": "{first} is apart from {second} {where}",
    "shared": "{first} and {second} are one thing to a linear probe {where}",
    "first-only": "{second} is not read once {first} is held fixed, {where}",
    "second-only": "{first} is not read once {second} is held fixed, {where}",
    "neither": "neither {first} nor {second} is read once the other is held fixed, {where}",
    "not-apart": "beyond {first} nothing of {second} is read {where}; "
    "it is absent, or it is {first} read with errors",
    "undetermined": "is {first} apart from {second} {where}?",
}

OVER_CATEGORIES_SENTENCES = {
    "separable": "over all categories, {second} is apart from {first} {where}",
    "shared": "over all categories, nothing of {second} is read beyond {first} {where}",
    "undetermined": "over all categories, is {second} apart from {first} {where}?",
}


def in_models(own: Sequence[str], models: Sequence[str]) -> str:
    """Return "in a and b", of all the models of a run."""
    names = [model_in_words(name) for name in own]
    if len(names) == len(models) > 1:
        return "in both models" if len(names) == 2 else f"in all {len(names)} models"
    if len(names) <= NAMED:
        return f"in {join_words(names)}"
    listed = f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return f"in {len(names)} of {len(models)} models ({listed})"


def at_sites(sites: Sequence[tuple[int, str]]) -> str:
    """Return where sites are; sorted, at least one."""
    layers, positions = sorted({layer for layer, _ in sites}), {position for _, position in sites}
    if len(sites) == 1:
        return f"layer {layers[0]}, {sites[0][1]}"
    if len(positions) > 1:
        return "at the site chosen for each"
    if len(layers) == 2:
        return f"layers {layers[0]} and {layers[1]}, {sites[0][1]}"
    return f"layers {layers[0]} to {layers[-1]}, {sites[0][1]}"


def upper(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]
