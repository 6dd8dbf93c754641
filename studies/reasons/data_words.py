"""The words of reasons that lie in the data: which targets, questions and floors they allow."""

from unsinter.studies.reasons.template import words

TARGETS = {
    "no-large-class": words(
        "{target} needs two classes with enough independent groups; no class has; too few: {counts!c}",
        short="{target} needs two classes with enough independent groups; no class has",
    ),
    "one-large-class": words(
        "{target} needs two classes with enough independent groups; {kept} has; too few: {counts!c}",
        short="{target} needs two classes with enough independent groups; {kept} has",
    ),
    "one-class": words("{target} needs two classes; every labelled row is {kept}"),
    "one-class-in-part": words(
        "{target} needs two classes on each side of every split; the {part} hold {held}"
    ),
    "one-class-in-fold": words(
        "{target} needs two classes on each side of every split; the {part} inner fold {fold:d} hold {held}",
        short="{target} needs two classes on each side of every split; the {part} an inner fold hold {held}",
    ),
    "samples-not-at-prompt": words(
        "{target} counts sampled answers, and one answer of several is read at positions of answers; name a "
        "position of the prompt"
    ),
}
"""Why a target cannot be probed."""

_CUT = "{n:,d} of {total:,d} answers were cut by max_new_tokens {limit:,d} before they decide"
_THINKING = ", {thinking:,d} of them inside their reasoning"
_SET = "; set responses.max_new_tokens to {needed:,d} "
_BY_OTHERS = "(judged by the answers that were not cut so early)"

READINGS = {
    "no-saved-embedding": words(
        "what the mean token embedding tells: saved activations do not have it; save layer 0 at "
        "instruction_mean too. Nothing is claimed beyond it"
    ),
    "no-saved-untrained-model": words(
        "what the same architecture with untrained weights tells: saved activations do not have it"
    ),
    "random-not-quantised": words(
        "the control with random weights: {model} is read in {bits:d} bits, and weights drawn at random are "
        "not quantised",
        short="the control with random weights: weights drawn at random are not quantised",
    ),
    "random-not-on-disk": words(
        "the control with random weights: parts of {model} are kept on disk, and weights drawn at random "
        "would have to fit in memory",
        short="the control with random weights: weights drawn at random would have to fit in memory",
    ),
    "answers-cut": words(
        _CUT + _SET + _BY_OTHERS, short="some answers were cut before they decide; raise max_new_tokens"
    ),
    "answers-cut-thinking": words(
        _CUT + _THINKING + _SET + _BY_OTHERS,
        short="some answers were cut before they decide, in their reasoning; raise max_new_tokens",
    ),
    "reasoning-never-ends": words(
        _CUT + _THINKING + _SET + "(a first try: no reasoning came to its end, so its length is not known)",
        short="some answers were cut before they decide, and no reasoning came to its end; raise "
        "max_new_tokens",
    ),
}
"""What a model's activations and answers leave unknown."""

QUESTIONS = {
    "small-cell": words("{cell} has {n!k:group}, needs {needed:d}", short="{cell} has too few groups"),
    "harm-counted": words(
        "harmful {harmful:d}, harmless {harmless:d} groups", short="enough harmful and harmless groups"
    ),
    "one-sided-share": words(
        "{share:.0%} of them from sources of one class only, where the source gives harm away",
        short="some from sources of one class only, where the source gives harm away",
    ),
    "few-sources": words("{n!k:source} named, two are needed", short="two named sources are needed"),
    "sources-to-leave-out": words("can be left out: {names!l}"),
    "no-large-source": words(
        "no source has {needed:d} groups each of harmful and harmless, and as many left to train on",
        short="no source has enough groups each of harmful and harmless, and as many left to train on",
    ),
    "one-sided-sources": words(
        "{n:d} of {total:d} sources hold one class only", short="some sources hold one class only"
    ),
    "large-values": words(
        "with {needed:d} groups or more: {large!c:14}", short="some values have enough groups"
    ),
    "small-values": words("too small: {small!c:14}", short="some values have too few groups"),
    "tied-categories": words("nearly all from one source: {names!l:14}"),
    "few-categories": words(
        "categories that have {needed:d} harmful groups: {n:d}, two are needed",
        short="two categories with enough harmful groups are needed",
    ),
    "few-harmless": words(
        "{n!k:harmless group}, {needed:d} are needed: other ones to train than to test on",
        short="too few harmless groups: other ones are needed to train than to test on",
    ),
    "categories-counted": words(
        "{n:d} categories against {harmless:d} harmless groups",
        short="enough categories against enough harmless groups",
    ),
    "topics-of-both": words(
        "with {needed:d} harmful and {needed:d} harmless groups on one topic: {names!l:14}",
        short="with enough harmful and harmless groups on one topic: {names!l:14}",
    ),
    "answers-counted": words(
        "refused {refused:d}, answered {answered:d} groups", short="enough refused and answered groups"
    ),
    "other-answers": words("{n:d} partial or otherwise", short="some partial or otherwise"),
    "nothing-refused": words("nothing was refused"),
    "answers-unlabelled": words("no answer is labelled, and none has a text that our rules can label"),
    "no-wording": words("no refusal carries a wording"),
    "no-label-and-wording": words("no refusal carries both a {label} label and a wording"),
    "harm-unknown": words("D is unknown: no prompt with a label is given"),
    "cells-counted": words("{cells!c} groups", short="enough groups in every cell"),
    "partial-refusals": words(
        "partial refusals are in neither cell: {cells!c}", short="partial refusals are in neither cell"
    ),
    "few-values": words(
        "two values of {label} and two wordings are needed, got {values:d} and {wordings:d}",
        short="two values of {label} and two wordings are needed",
    ),
    "few-values-of-pair": words(
        "where both are known two values of {first} and two of {second} are needed, got {values:d} and "
        "{others:d}",
        short="where both are known two values of {first} and two of {second} are needed",
    ),
    "full-tables": words(
        "{n:d} of {total:d} two-by-two tables are full; the fullest, {where}, has {smallest:d} groups in its "
        "smallest cell, needs {needed:d}",
        short="some two-by-two table is full",
    ),
    "no-full-table": words(
        "no two-by-two table is full: the fullest, {where}, has {smallest:d} groups in its smallest cell, "
        "needs {needed:d}",
        short="no two-by-two table is full",
    ),
}
"""What `check` says of a question: the counts that decide."""
