"""The base of every section of a study file."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """A part of a study file; an unknown key is an error, and so is a list that names one thing twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    may_repeat: ClassVar[frozenset[str]] = frozenset()
    """Fields that are ranges, or in which naming a thing twice is settled elsewhere."""

    @field_validator("*", mode="after")
    @classmethod
    def _nothing_twice(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, tuple) and info.field_name not in cls.may_repeat:
            for place, item in enumerate(value):
                if item in value[:place]:
                    raise ValueError(f"names {_shown(item)} twice; name it once")
        return value


def _shown(item: object) -> str:
    return repr(item) if isinstance(item, str | int | float) else repr(str(item))
