"""What the factors of a study and their values are called in a reason."""

from unsinter.studies.separation.inputs.pair import FactorWords

_NAMES = {
    "D": "detection",
    "R": "the refusal decision",
    "C": "the category {!r}",
    "W": "the wording {!r}",
    "topic": "the topic {!r}",
}
_SIDES = {("D", "harmful"): ("harmful", "harmless"), ("R", "refusal"): ("refused", "answered")}
_OF = {"D": "of harm", "R": "of decision", "C": "of category", "W": "worded as", "topic": "of topic"}
"""How a value of a factor is put after "groups that are"."""


def factor_words(first: str, second: str, z_class: str, w_class: str) -> FactorWords:
    """Return the words for two factors by their letters, each a class against the rest."""
    return FactorWords(
        first=_NAMES[first].format(z_class),
        second=_NAMES[second].format(w_class),
        first_values=_values(first, z_class),
        second_values=_values(second, w_class),
    )


def _values(letter: str, name: str) -> tuple[str, str]:
    rest = f"{_OF[letter]} {name!r}", f"{_OF[letter]} other than {name!r}"
    return _SIDES.get((letter, name), rest)
