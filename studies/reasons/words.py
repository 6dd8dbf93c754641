"""The words of every reason, by its code. Nowhere else are reasons put into words.

Words are parts: the second, fourth, ... part is a detail (bands, what stands in brackets) that is left out
where room is short. ``short`` says the same without any number; reasons of equal ``short`` count as one.
Fields are explained in ``fields``.
"""

from unsinter.studies.reasons.category_words import ACROSS_CATEGORIES
from unsinter.studies.reasons.causal_words import CAUSAL, UNTOLD
from unsinter.studies.reasons.data_words import QUESTIONS, READINGS, TARGETS
from unsinter.studies.reasons.prompt_words import SHOWN
from unsinter.studies.reasons.template import Words, words
from unsinter.studies.reasons.verdict_words import CONTRASTS, OBSTACLES, SETTLING, VERDICT

GENERAL = {
    "as-written": words("{text}"),
    "together": words("{why!w}"),
}
"""A text of which nothing else is known; several reasons at once."""

WORDS: dict[str, Words] = (
    GENERAL
    | VERDICT
    | OBSTACLES
    | CONTRASTS
    | SETTLING
    | ACROSS_CATEGORIES
    | TARGETS
    | READINGS
    | QUESTIONS
    | CAUSAL
    | UNTOLD
    | SHOWN
)
"""Code -> its words."""
