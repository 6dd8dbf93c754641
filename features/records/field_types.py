"""Types of the fields of records: how a value of a file becomes one of ours."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from unsinter.features.records.conversation import MOST_TURNS
from unsinter.features.records.names import clean_name, is_missing_word, is_nan

LONGEST_TEXT = 1_000_000
"""Characters of one text; a longer one is almost always a whole file in one field."""


def _key_text(value: object) -> object:
    """Read whole numbers as text: many files number their records and groups.

    A column of whole numbers in which some are missing is written as one of fractions: 3.0 is the record 3.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, Decimal) and value == value.to_integral_value():  # 1.0 and 1 are one number
        return format(value.to_integral_value(), "f")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _id_text(value: object) -> object:
    if isinstance(value, str) and is_missing_word(value):
        raise ValueError("is a word for a missing value; give every record an id of its own")
    return _key_text(value)


def _truth(value: object) -> object:
    if isinstance(value, int | float | Decimal) and value in (0, 1):
        return bool(value)
    if value is None or isinstance(value, bool):
        return value
    if is_nan(value):
        return None
    raise ValueError(
        "must be true, false or null (0 and 1 are read as false and true); where a file has other words, say "
        "what they mean, as columns: {FIELD: {field: COLUMN, true: [...], false: [...]}}"
    )


def _encodable(value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"is longer than {LONGEST_TEXT:,} characters; shorten it or remove the record")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"holds half of a surrogate pair at character {error.start + 1}, which is not text; remove it"
        ) from error
    return value


def _not_blank(value: str) -> str:
    if not value.strip() or not clean_name(value):  # invisible signs alone are no text either
        raise ValueError("is blank; write the text or remove the record")
    return _encodable(value)


def _turns(value: object) -> object:
    """Read turns that came as lists, as files write them."""
    if value is None or is_nan(value):
        return None
    if isinstance(value, list | tuple) and all(
        isinstance(turn, list | tuple) and len(turn) == 2 for turn in value
    ):
        if len(value) > MOST_TURNS:
            raise ValueError(f"has {len(value):,} turns of each side; {MOST_TURNS:,} at most")
        return tuple(map(tuple, value))
    raise ValueError("must be pairs of what the user wrote and what the assistant answered")


def _blank_is_missing(value: object) -> object:
    return None if is_nan(value) or (isinstance(value, str) and not clean_name(value)) else value


Text = Annotated[str, AfterValidator(_not_blank)]
Key = Annotated[str, BeforeValidator(_id_text), AfterValidator(_not_blank)]
Opening = Annotated[str, AfterValidator(_encodable)]
EarlierTurns = Annotated[tuple[tuple[Opening, Opening], ...] | None, BeforeValidator(_turns)]
_OneName = Annotated[str, AfterValidator(_encodable), AfterValidator(clean_name)]
_OneKey = Annotated[str, BeforeValidator(_key_text), AfterValidator(_encodable), AfterValidator(clean_name)]
Name = Annotated[_OneName | None, BeforeValidator(_blank_is_missing)]
KeyName = Annotated[_OneKey | None, BeforeValidator(_blank_is_missing)]
OptionalText = Annotated[Opening | None, BeforeValidator(_blank_is_missing)]
Truth = Annotated[bool | None, BeforeValidator(_truth)]
