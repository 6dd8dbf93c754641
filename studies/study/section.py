"""The base of every section of a study file."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What a name must be that files are called by."""


def _bracketed(value: Any) -> Any:
    return (value,) if isinstance(value, str | bool | int | float) else value


Values = Annotated[tuple[Any, ...], BeforeValidator(_bracketed)]
"""Values of a field of the records; one may stand without brackets."""


class StudySection(BaseModel):
    """A part of a study file; an unknown key is an error, and so is a list that names one thing twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    may_repeat: ClassVar[frozenset[str]] = frozenset()
    """Fields that are ranges, or in which naming a thing twice is settled elsewhere."""

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        # YAML reads a bare yes or on as true, which would pass for 1.
        parts = value if isinstance(value, list | tuple) else (value,)
        if any(isinstance(part, bool) for part in parts) and _is_numeric(cls, str(info.field_name)):
            raise ValueError("needs a number, not true or false")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _one_entry_is_a_list(cls, value: Any, info: ValidationInfo) -> Any:
        """Take ``path: prompts.jsonl`` for ``path: [prompts.jsonl]``, as people write it."""
        kinds = _kinds_of_one(cls, str(info.field_name))
        return (value,) if kinds and isinstance(value, kinds) and not isinstance(value, bool) else value

    @field_validator("*", mode="after")
    @classmethod
    def _nothing_twice(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, tuple) and info.field_name not in cls.may_repeat:
            twice = _first_twice(value)
            if twice is not None:
                raise ValueError(f"names {_shown(value[twice])} twice; name it once")
        return value


@cache
def _is_numeric(section: type[StudySection], field: str) -> bool:
    """Tell whether a field, or each entry of its list, is a number and never true or false."""
    leaves = _leaves(section.model_fields[field].annotation)
    return bool({int, float} & leaves) and bool not in leaves


@cache
def _kinds_of_one(section: type[StudySection], field: str) -> tuple[type, ...]:
    """Return of which types an entry of a field may stand without brackets: none where it is no list."""
    annotation = section.model_fields[field].annotation
    if _is_list(annotation):
        return (str, int, float, Path, Mapping, BaseModel)
    # Beside a list a word may be allowed, as `all`: only a number is then an entry.
    return (int,) if any(map(_is_list, get_args(annotation))) else ()


def _is_list(annotation: Any) -> bool:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_origin(annotation) is tuple and get_args(annotation)[-1] is Ellipsis


def _leaves(annotation: Any) -> set[Any]:
    parts = get_args(annotation)
    return set().union(*map(_leaves, parts)) if parts else {annotation}


def _first_twice(values: tuple[Any, ...]) -> int | None:
    """Return the place of the first value that stands before it too."""
    seen: set[Any] = set()
    others: list[Any] = []  # sections that hold a mapping are no members of sets
    for place, value in enumerate(values):
        earlier = seen if _is_hashable(value) else others
        if value in earlier:
            return place
        if isinstance(earlier, set):
            earlier.add(value)
        else:
            earlier.append(value)
    return None


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _shown(item: object) -> str:
    shown = repr(item) if isinstance(item, str | int | float) else repr(str(item))
    return shown if len(shown) <= 80 else f"{shown[:80]}..."
