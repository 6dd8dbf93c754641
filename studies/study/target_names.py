"""Targets as a study file names them: read, and compared with the pairs and rates that name them too."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Discriminator, Tag

from unsinter.studies.study.built_in_targets import BUILT_IN, BUILT_IN_PAIRS, SHARES, TOPIC
from unsinter.studies.study.own_targets import OwnTarget, target_name, twice_named
from unsinter.studies.study.targets import definition_of

_LETTER, _OWN = "built-in target", "target of the study's own"

TAGS = frozenset({_LETTER, _OWN})
"""What pydantic puts into the place of an error beside the names that a study file has."""


def _is_built_in(name: str) -> str:
    if name not in BUILT_IN and name not in SHARES:
        raise ValueError(
            f"a target is one of {', '.join([*BUILT_IN, *SHARES])}, or one of the study's own, as "
            "{name: jailbreak, field: is_jailbreak}"
        )
    return name


def _tag(value: Any) -> str:
    return _OWN if isinstance(value, Mapping | OwnTarget) else _LETTER


AskedTarget: TypeAlias = Annotated[
    Annotated[str, AfterValidator(_is_built_in), Tag(_LETTER)] | Annotated[OwnTarget, Tag(_OWN)],
    Discriminator(_tag),
]
"""A letter, or a table that defines a target."""


def check_targets(targets: Sequence[str | OwnTarget], *, answers: int, hold_out: Sequence[str] = ()) -> None:
    """Raise ValueError for a name that two targets share, for one whose labels the study has not, and where
    values are to be held out and no target is scored on them.

    ``answers`` is how many answers a prompt has; 0 where there is no section of them.
    """
    if (name := twice_named(targets)) is not None:
        raise ValueError(
            f"targets names {name!r} twice (case does not part them); give each a name of its own"
        )
    for target in targets:
        known = definition_of(target)
        if known.needs_answers and not answers:
            raise ValueError(f"target {known.name} needs responses; add a section 'responses' or drop it")
        if known.counts_samples and answers < 2:
            raise ValueError(
                f"target {known.name} needs several answers of each prompt; set responses.samples, 4 for "
                "example, with a temperature, or drop it"
            )
    if hold_out and not any(target == "D" or isinstance(target, OwnTarget) for target in targets):
        raise ValueError(
            f"hold_out scores D, and the study's own targets of two classes; targets are "
            f"{', '.join(map(target_name, targets))}; add D or drop hold_out"
        )


def check_pairs(pairs: Iterable[str], sure: Iterable[str], targets: Sequence[str | OwnTarget]) -> None:
    """Raise ValueError for a pair, or a target with known label errors, that the study cannot have."""
    own = [target.name for target in targets if isinstance(target, OwnTarget)]
    known = {*map(target_name, targets)}
    example = (
        f"; a target of the study's own stands with any, as {own[0]}-R, and the topic second" if own else ""
    )
    named: dict[frozenset[str], str] = {}
    for pair in pairs:
        factors = frozenset(pair.split("-"))
        if factors in named:
            raise ValueError(
                f"separation.pairs names {named[factors]!r} and {pair!r}, which are one pair; drop one"
            )
        named[factors] = pair
        if pair in BUILT_IN_PAIRS:
            continue
        first, _, second = pair.partition("-")
        if not {first, second} & set(own) or first in (second, TOPIC):
            raise ValueError(
                f"separation.pairs names {pair!r}; pairs are {', '.join(BUILT_IN_PAIRS)}{example}"
            )
        if counted := [name for name in (first, second) if name in SHARES]:
            raise ValueError(
                f"separation.pairs names {pair!r}, and a verdict takes one label of each prompt; name "
                f"{counted[0].removesuffix('_share')} in place of {counted[0]}"
            )
        if missing := [name for name in (first, second) if name not in {*known, TOPIC}]:
            raise ValueError(
                f"separation.pairs names {pair!r}, and {missing[0]} is none of the study's targets "
                f"({', '.join(map(target_name, targets))}); add it to targets or drop the pair"
            )
    for name in sure:
        if name not in {*BUILT_IN, *own}:
            raise ValueError(
                f"separation.sure names {name!r}, which is no target; targets are "
                f"{', '.join([*BUILT_IN, *own])}"
            )
