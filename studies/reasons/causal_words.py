"""The words of reasons why a model is said to use a direction, not to, or neither."""

from unsinter.studies.reasons.template import words

CAUSAL = {
    "few-held-out-groups": words(
        "{n:d} held-out groups; {needed:d} are needed", short="more held-out groups are needed"
    ),
    "other-openings": words(
        "under the change the known openings have a probability of {covered:.2f} only",
        short="under the change the known openings are improbable",
    ),
    "beyond-nulls-within-margin": words(
        "beyond every null, and smaller than the margin of {margin:.2f}",
        short="beyond every null, and smaller than the margin",
    ),
    "within-margin": words(
        "the interval lies within the margin of {margin:.2f}", short="the interval lies within the margin"
    ),
    "zero-and-beyond-margin": words(
        "the interval holds zero and reaches beyond the margin of {margin:.2f}",
        short="the interval holds zero and reaches beyond the margin",
    ),
    "null-as-large": words("a random or permuted direction changes as much", " ({nulls:.2f})"),
    "other-factor-explains": words("the other factor's direction changes as much, and explains it"),
    "beyond-every-null": words("beyond every null", " ({nulls:.2f})"),
}
"""Why a cause is used, not used, or open."""

UNTOLD = {
    "no-direction": words(
        "{model}: neither D nor R could be studied, so the causal check has no direction to change"
    ),
    "no-answer-text": words(
        "{model}: the run holds no text of an answer, so it is not known how this model begins to refuse; "
        "give the study responses and run it again"
    ),
    "few-refusals": words(
        "{model}: the training prompts hold {n:d} independent groups of refusals, and {needed:d} are needed "
        "to know how these begin; add prompts that the model refuses",
        short="{model}: the training prompts hold too few independent groups of refusals",
    ),
    "few-other-answers": words(
        "{model}: the training prompts hold {n:d} independent groups of answers that are no refusal, and "
        "{needed:d} are needed to know how these begin; add prompts that the model answers",
        short="{model}: the training prompts hold too few independent groups of answers that are no refusal",
    ),
    "openings-alike": words(
        "{model}: its refusals and its other answers begin alike ({covered:.0%} of the training answers are "
        "told by their first tokens), so the log-odds of a refusal cannot be read there",
        short="{model}: its refusals and its other answers begin alike, so the log-odds of a refusal cannot "
        "be read there",
    ),
}
"""Why there is no direction to change, or how a model begins to refuse is not known."""
