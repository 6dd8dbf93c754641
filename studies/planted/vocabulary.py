"""Reads what the planted requests are about, and which items are kept out of training."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

HELD_OUT_RESIDUES = (0, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One verb crossed with one object: the unit that training and demo never share."""

    category: str
    """Harm category, or the topic of a harmless item."""

    verb: str
    gerund: str
    thing: str
    group: str
    held_out: bool
    ordinary: tuple[tuple[str, str], ...] = ()
    """Harmless verbs (base, gerund) for the same object, on the same side of the split as the item."""

    @property
    def is_alarming(self) -> bool:
        """Whether the item only sounds harmful."""
        return not self.gerund


@cache
def vocabulary() -> Mapping[str, Any]:
    """Return the categories, their frames and the alarming idioms, as written in `data/vocabulary.yaml`."""
    return _read("vocabulary.yaml")


@cache
def phrasing() -> Mapping[str, Any]:
    """Return people, structures, registers, cues and wrappers, as written in `data/phrasing.yaml`."""
    return _read("phrasing.yaml")


@cache
def items() -> tuple[Item, ...]:
    """Return every item with an owner, category by category; two in five are held out of training."""
    made = []
    for category, entry in vocabulary()["categories"].items():
        for number, frame in enumerate(entry["frames"]):
            for v, verb in enumerate(_forms(frame["verbs"])):
                for o, thing in enumerate(frame["objects"]):
                    group = f"{category}-{number}-{v:02d}-{o:02d}"
                    made.append(_owned_item(category, group, verb, thing, v=v, o=o))
    return tuple(made)


@cache
def alarming_items() -> tuple[Item, ...]:
    """Return every harmless idiom that sounds harmful, topic by topic; two in five are held out."""
    return tuple(
        Item(
            category=topic,
            verb=verb,
            gerund="",
            thing=thing,
            group=f"{topic}-idiom-{v:02d}-{o:02d}",
            held_out=_is_held_out(v, o),
        )
        for topic, frame in vocabulary()["alarming"].items()
        for v, verb in enumerate(frame["verbs"])
        for o, thing in enumerate(frame["objects"])
    )


def _owned_item(category: str, group: str, verb: tuple[str, str], thing: str, *, v: int, o: int) -> Item:
    held_out = _is_held_out(v, o)
    plain = _forms(vocabulary()["ordinary"])
    same_side = tuple(form for j, form in enumerate(plain) if _is_held_out(j, o) == held_out)
    return Item(
        category=category,
        verb=verb[0],
        gerund=verb[1],
        thing=thing,
        group=group,
        held_out=held_out,
        ordinary=same_side,
    )


def _is_held_out(verb_number: int, object_number: int) -> bool:
    # A slanted grid: every verb and every object is met in training, two crossings in five never are.
    return (verb_number + 2 * object_number) % 5 in HELD_OUT_RESIDUES


def _forms(entries: list[str]) -> list[tuple[str, str]]:
    return [(base, gerund) for base, gerund in (entry.split(" / ") for entry in entries)]


def _read(name: str) -> Mapping[str, Any]:
    text = files("unsinter.studies.planted").joinpath("data", name).read_text(encoding="utf-8")
    table: Mapping[str, Any] = yaml.safe_load(text)
    return table
