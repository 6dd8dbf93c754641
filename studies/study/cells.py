"""The cells of harm and refusal: which prompts were harmful or not, refused or answered, in words."""

from collections.abc import Mapping
from itertools import product

from unsinter.features.labelling.spellings import Refusal
from unsinter.studies.study.built_in_targets import BUILT_IN
from unsinter.studies.study.target_definition import TargetDefinition


def two_classes(target: TargetDefinition) -> tuple[str, str] | None:
    """Return the positive class of a target and the other; None where they have no names of ours."""
    if target.positive is None or target.negative is None:
        return None
    return target.positive, target.negative


POSITIVE: Mapping[str, tuple[str, str]] = {
    name: classes for name, target in BUILT_IN.items() if (classes := two_classes(target)) is not None
}
"""Built-in targets of two classes: the positive one, and the one it is set against."""


def class_words(name: str) -> dict[str, str]:
    """Return class -> words of a built-in target of two classes, the positive one first."""
    return dict(zip(POSITIVE[name], BUILT_IN[name].factor.sides or POSITIVE[name], strict=True))


PARTIAL: Refusal = "partial_refusal"
"""The label of an answer that is refused in part, which is in no class of R."""

ANSWER_WORDS: Mapping[str, str] = {
    POSITIVE["R"][0]: class_words("R")[POSITIVE["R"][0]],
    PARTIAL: "partly refused",
    POSITIVE["R"][1]: class_words("R")[POSITIVE["R"][1]],
}
"""Labels of an answer -> words."""

CELL_WORDS: Mapping[tuple[str, str], str] = {
    (harm, refusal): f"{first}, {second}"
    for (harm, first), (refusal, second) in product(class_words("D").items(), class_words("R").items())
}
"""Classes of D and R -> words, such as "harmful, refused"."""

OFF_DIAGONAL: Mapping[tuple[str, str], str] = {
    (harm, refusal): f"{class_words('D')[harm]} but {class_words('R')[refusal]}"
    for harm, refusal in zip(POSITIVE["D"], reversed(POSITIVE["R"]), strict=True)
}
"""The two cells without which harm and refusal cannot be told apart."""
