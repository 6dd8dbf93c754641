"""What the factors of a study and their values are called in a reason."""

from unsinter.studies.separation.inputs.pair import FactorWords
from unsinter.studies.study.targets import definition_of, factor_of


def factor_words(first: str, second: str, z_class: str, w_class: str) -> FactorWords:
    """Return the words for two factors by their targets' names, each a class against the rest."""
    return FactorWords(
        first=factor_of(first).one_class.format(z_class),
        second=factor_of(second).one_class.format(w_class),
        first_values=_values(first, z_class),
        second_values=_values(second, w_class),
    )


def _values(name: str, one_class: str) -> tuple[str, str]:
    factor = factor_of(name)
    if factor.sides is not None and one_class == definition_of(name).positive:
        return factor.sides
    return f"{factor.of} {one_class!r}", f"{factor.of} other than {one_class!r}"
