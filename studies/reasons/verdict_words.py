"""The words of reasons of the separation verdicts."""

from unsinter.studies.reasons.template import words

_UNSURE_ERRORS = "(how often the labels err is not known)"

VERDICT = {
    "nothing-to-compare": words("no rows to compare one factor in with the other held fixed"),
    "two-axes": words("both are read, each along an axis of its own"),
    "one-axis": words("both are read along one axis"),
    "one-axis-uneven": words(
        "both are read along one axis, which {factor} moves {times:.1f} times as far",
        short="both are read along one axis, which {factor} moves further",
    ),
    "one-axis-unsure": words(
        "one axis moves with both labels: it may code both factors, or one of them whose label errs "
        + _UNSURE_ERRORS
    ),
    "one-factor": words("{factor} is read, {other} is not read linearly once {factor} is held fixed"),
    "nothing-beyond": words(
        "nothing of {other} is read beyond {factor}: it may not be coded, or its label may be a reading of "
        "the same thing that errs " + _UNSURE_ERRORS
    ),
    "nothing-off-axis": words("nothing of {other} is read off the axis of {factor}"),
    "neither": words("neither {first} nor {second} is read once the other is held fixed"),
    "absence-untested": words("that {factor} is absent could not be tested: too few rows to compare"),
    "hidden-code": words(
        "rows with the same value of {factor} are more alike than their means say: a non-linear code, or "
        "one that turns between categories"
    ),
    "nonlinear-only": words("{factor} is read by a non-linear probe only", " ({auroc!b:.2f})"),
    "hints-of-a-code": words(
        "rows with the same value of {factor} are more alike than their means say, and a non-linear probe "
        "reads it above chance: each too faint alone, both together hint at a non-linear code "
        "({deviations:.1f} deviations)",
        short="two tests together hint at a non-linear code of {factor}, each too faint alone",
    ),
    "absence-not-noticed": words(
        "a linear code of {factor} would have been noticed from AUROC {noticed:.2f} only; {wanted:.2f} is "
        "asked for",
        short="a linear code of {factor} would have been noticed only from a higher AUROC than is asked for",
    ),
    "no-bits-of-one": words(
        "the activations add no usable bits, or hardly any, to the text", " ({factor} {bits!b:.3f})"
    ),
    "no-bits-of-both": words(
        "the activations add no usable bits, or hardly any, to the text",
        " ({first} {bits_first!b:.3f}, {second} {bits_second!b:.3f})",
    ),
    "factor-unsure": words(
        "{factor} may or may not be there with {other} held fixed", " (AUROC {auroc!b:.2f})"
    ),
    "unlike-cells-unsure": words("both are read, but where the labels differ the two cells may lie together"),
    "like-cells-unsure": words(
        "both are read, but where the labels are alike the two cells may lie together"
    ),
    "axes-unsure": words("both are read, along one axis or two", " (squared sine {angle!b:.2f})"),
}
"""Of a decided or undetermined site."""

OBSTACLES = {
    "constant-factor": words(
        "{factor} is {value:d} in every row; two values are needed",
        short="{factor} has one value in every row; two values are needed",
    ),
    "constant-side": words("{factor} has fewer than two values on the rows where both are known"),
    "no-frequent-class": words(
        "no class of {factor} has {needed:d} independent groups where both labels are known",
        short="no class of {factor} has enough independent groups where both labels are known",
    ),
    "labels-unknown": words("both labels are known in no row; two values are needed"),
    "too-few-groups": words(
        "{n:d} independent groups that are {cell}; {needed:d} are needed",
        short="too few independent groups that are {cell}",
    ),
    "fixed-factor": words("{factor} is fixed by {by!a}: it hardly varies with that held fixed"),
    "small-levels": words(
        "{factor} goes with levels of {by!a} that have fewer than ten rows each, which cannot be held fixed"
    ),
    "fixed-together": words(
        "{factor} is fixed by the other factor and what is held fixed together: it hardly varies with that "
        "held fixed"
    ),
    "same-activations": words("the activations are the same in every row"),
    "no-inverse": words(
        "the activations vary too little to be compared: a matrix of their products has no inverse"
    ),
    "copies-in-the-way": words(
        "near copies in other groups put together", " ({share:.0%} of rows)", ": {why!w}"
    ),
    "copies-put-together": words(
        "{why!w}", "; near copies in other groups were put together ({share:.0%} of rows)"
    ),
    "alike-rows-hang-together": words(
        "rows of different groups that are alike share labels, and all hang together"
    ),
    "alike-rows-leak": words(
        "rows of different groups that are alike share labels",
        " ({excess:.0%} of full agreement beyond chance)",
        ", and of {factor} {left:.0%} is left once they stay together: groups do not hold what belongs "
        "together, such as paraphrases",
        short="rows of different groups that are alike share labels, and {factor} shrinks once they stay "
        "together: groups do not hold what belongs together, such as paraphrases",
    ),
    "not-asked": words("no separation verdict is part of this run"),
    "labels-not-studied": words("its labels are not among the study's targets"),
    "no-responses": words("there are no labelled responses"),
}
"""Why there can be no verdict at all, and what was done to the groups."""

CONTRASTS = {
    "contrasts-open": words("", "{n:d} of {total:d} contrasts: ", "{why!w}"),
    "some-contrasts-open": words("", "{n:d} of {total:d} contrasts: ", "{why!w}", "; decided: {decided!v}"),
    "contrasts-left-out": words("{why!w}", "; {n:d} more cannot be judged from their labels ({names!l:4})"),
    "contrasts-differ": words("the contrasts differ: {decided!v}"),
    "contrasts-agree": words(
        "{n:d} of {total:d} contrasts ({names!l:4})", short="the contrasts agree ({names!l:4})"
    ),
    "decided-contrasts-agree": words(
        "{n:d} of {total:d} contrasts ({names!l:4}); {still_open:d} undetermined",
        short="the decided contrasts agree ({names!l:4})",
    ),
}
"""Of a summary over contrasts: of reasons for silence only what the contrasts share is told where room is
short."""

SETTLING = {
    "more-groups": words(
        "about {n:d} more groups that are {cell} would settle it, if they look like these",
        short="more groups that are {cell} would settle it, if they look like these",
    ),
    "various-groups": words("more groups would settle it, how many and which is in the tables"),
}
"""What would settle an open question."""
