"""What is known of every target that a study may name, built in or its own."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from unsinter.studies.study.built_in_targets import BUILT_IN, SHARES, TOPIC, TOPIC_FACTOR
from unsinter.studies.study.own_targets import OwnTarget, class_name
from unsinter.studies.study.target_definition import Factor, TargetDefinition


def definition_of(target: str | OwnTarget) -> TargetDefinition:
    """Return what is known of a target as a study names it; of an unknown name no more than the name."""
    if isinstance(target, str):
        return BUILT_IN.get(target) or SHARES.get(target) or _named(target)
    words = target.title or f"the field {target.field}"
    where = "; ".join(
        f"{name} is {' or '.join(map(class_name, values))}" for name, values in sorted(target.where.items())
    )
    scope = f"prompts where {where}" if where else "every prompt"
    about = f"{target.title} (field {target.field})" if target.title else f"field {target.field}"
    return TargetDefinition(
        name=target.name,
        asks=words,
        question=target.title or f"which value of {target.field} is it?",
        title=f"{target.name}  {target.title or target.field}",
        meaning=f"{about}, {scope}; masked where missing",
        factor=_own_factor(target.name),
        is_own=True,
    )


def _named(name: str) -> TargetDefinition:
    return TargetDefinition(
        name=name, asks=name, question=name, title=name, meaning=name, factor=_own_factor(name)
    )


def _own_factor(name: str) -> Factor:
    return Factor(noun=name, short_noun=name, one_class=f"{name} {{!r}}", of=f"of {name}")


def factor_of(name: str) -> Factor:
    """Return what a factor of a pair is called, by its target's name or ``TOPIC``."""
    return TOPIC_FACTOR if name == TOPIC else definition_of(name).factor


def read_definitions(study: Mapping[str, Any]) -> dict[str, TargetDefinition]:
    """Return the targets that a run's study file may name, in order: the built-in ones, then its own.

    What is no target of this version is left out: a run's file may come from anyone.
    """
    listed = study.get("targets")
    own: dict[str, TargetDefinition] = {}
    for entry in listed if isinstance(listed, list | tuple) else ():
        if isinstance(entry, Mapping):
            try:
                target = OwnTarget.model_validate(entry)
            except ValidationError:
                continue
            own.setdefault(target.name, definition_of(target))
    return {**BUILT_IN, **{name: known for name, known in own.items() if name not in BUILT_IN}}


def in_order(names: Iterable[str]) -> list[str]:
    """Return names once each: the built-in targets in their order, then the others as they come."""
    once = list(dict.fromkeys(map(str, names)))
    return [name for name in BUILT_IN if name in once] + [name for name in once if name not in BUILT_IN]
