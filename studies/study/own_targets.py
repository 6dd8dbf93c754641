"""Targets of a study's own: a field of the prompt records, where it counts, and what it is called."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, field_validator

from unsinter.features.records.names import clean_name, name_key
from unsinter.studies.study.built_in_targets import BUILT_IN, SHARES, TOPIC
from unsinter.studies.study.section import StudySection, Values

RESERVED = frozenset(
    {*map(str.casefold, (*BUILT_IN, *SHARES)), TOPIC, "all", "transfer", "separation", "across", "held"}
)
"""Names that files, tables or pairs of a run use for something else, case folded."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_LONGEST_TITLE = 80


class OwnTarget(StudySection):
    """One target that the study file defines."""

    name: str
    """What tables, figures and files call it."""

    field: str = Field(min_length=1)
    """The field of the prompt records whose values are the classes."""

    where: dict[str, Annotated[Values, Field(min_length=1)]] = Field(default_factory=dict)
    """Defined only on records whose fields hold one of these values, as ``{harmful: [true]}``."""

    positive: StrictBool | StrictInt | StrictFloat | StrictStr | None = None
    """Of two classes the positive one; without it the last by name."""

    title: str | None = None
    """What it asks, as it follows "the activations tell", such as "whether the prompt is a jailbreak"."""

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if _NAME.fullmatch(name) is None:
            raise ValueError(
                "a target's name is a letter and up to 39 more letters, digits and underscores: it becomes "
                "part of file names, and a dash parts the two names of a pair"
            )
        if name.casefold() in RESERVED:
            *most, last = (*BUILT_IN, *SHARES)
            raise ValueError(
                f"this name is taken ({', '.join(most)} and {last} are built in, the others name parts of a "
                "run)"
            )
        return name

    @field_validator("title")
    @classmethod
    def _is_one_line(cls, title: str | None) -> str | None:
        if title is None:
            return None
        if not title.strip() or len(title) > _LONGEST_TITLE or not title.isprintable():
            raise ValueError(f"a title is one line of at most {_LONGEST_TITLE} characters")
        return title.strip()


def class_name(value: object) -> str:
    """Return what a value of a field is called as a class, the same for every kind of file.

    Truth values are ``true`` and ``false``, also where a file writes them as text; whole numbers have no
    fraction; text is as it stands, without invisible characters.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        key = name_key(value)
        return key if key in ("true", "false") else clean_name(value)
    return str(value)


def target_name(target: str | OwnTarget) -> str:
    """Return what a target is called."""
    return target if isinstance(target, str) else target.name


def twice_named(targets: Sequence[str | OwnTarget]) -> str | None:
    """Return a name that two targets share, whatever its case: some file systems hold them for one."""
    seen: set[str] = set()
    for name in map(target_name, targets):
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return None
