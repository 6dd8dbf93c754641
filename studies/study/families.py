"""Names of probe families in a study file, and what tuning may choose of them where a study is silent."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from unsinter.probes.families.family import Choice, Options, Range
from unsinter.probes.families.registry import all_families, family_of, sweep_names, tuned_names


def _one_of(name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        *most, last = (repr(known) for known in names)
        # The words of a fixed list of names, so that a study's author sees one kind of sentence.
        raise PydanticCustomError(
            "family", "Input should be {names}", {"names": f"{', '.join(most)} or {last}"}
        )
    return name


SweepFamily = Annotated[str, AfterValidator(lambda name: _one_of(name, sweep_names()))]
"""A family that may read every site."""

TunedFamily = Annotated[str, AfterValidator(lambda name: _one_of(name, tuned_names()))]
"""A family that tuning may try."""


def options_of(setting: str) -> tuple[Any, ...]:
    """Return the registry's values for a field of a study's section ``tuning``."""
    choice = _choice(setting)
    assert isinstance(choice, Options)
    return choice.values


def range_of(setting: str) -> tuple[float, float]:
    """Return the registry's (low, high) for a field of a study's section ``tuning``."""
    choice = _choice(setting)
    assert isinstance(choice, Range)
    return choice.low, choice.high


def spaces_of_their_own(names: Iterable[str]) -> dict[str, list[str]]:
    """Return family -> its choices that no field of a study sets, which a study file does not tell."""
    own = {name: [repr(choice) for choice in family_of(name).space if not choice.setting] for name in names}
    return {name: choices for name, choices in own.items() if choices}


def _choice(setting: str) -> Choice:
    return next(c for family in all_families() for c in family.space if c.setting == setting)
