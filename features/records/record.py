"""Records: prompts, responses and openings, validated and frozen, with the fields we do not know kept."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from unsinter.cache.errors import UnsinterError as UnsinterError
from unsinter.features.records.conversation import Conversation, spread_messages
from unsinter.features.records.field_types import (
    LONGEST_TEXT,
    EarlierTurns,
    Key,
    KeyName,
    Name,
    Opening,
    OptionalText,
    Text,
    Truth,
)
from unsinter.features.records.names import clean_name, is_missing_word

LONGEST_SHOWN = 60
"""Characters of a bad value that an error repeats."""

NO_CATEGORY = frozenset({"none", "uncategorised", "uncategorized", "unlabelled", "unlabeled", "unknown"})
"""Categories, case folded, by which a file says that a prompt has none, beside words for a missing value."""


MISSING_WORD = "_missing_word"
"""Ends the name of the field that keeps such a word, as ``group_missing_word``."""


class RecordError(UnsinterError, ValueError):
    """Bad input data: one sentence that names the file, the row and the field."""

    @classmethod
    def at(
        cls, file: object, fault: str, *, row: int | str | None = None, field: str | None = None
    ) -> "RecordError":
        """Build the error for one place; ``row`` counts from 1, the header of a CSV file included."""
        place = str(file)
        if row is not None:
            place += f", row {row}"
        if field is not None:
            place += f", field {field!r}"
        return cls(f"{place}: {fault}")


def abbreviate(value: object) -> str:
    """Return ``value`` as it is shown in an error: its repr, cut with a count of what was left out."""
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return f"{value[:LONGEST_SHOWN]!r}... ({len(value):,} characters)"
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}... ({type(value).__name__})"


class _Record(BaseModel):
    """What every record has; fields we do not know are kept as they came."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, protected_namespaces=())

    id: Key
    """Unique over all files of a study."""

    source: Name = None
    """The collection the record comes from; None = unknown."""

    licence: Name = None
    """Under which the text may be used."""

    named: ClassVar[tuple[str, ...]] = ("source",)
    """Fields in which a word for a missing value counts as missing; the word is kept."""

    @model_validator(mode="before")
    @classmethod
    def _missing_words(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        absent = {name: values[name] for name in cls.named if cls._is_absent(name, values.get(name))}
        if not absent:
            return values
        kept = {f"{name}{MISSING_WORD}": word for name, word in absent.items()}
        return {**values, **kept, **dict.fromkeys(absent)}

    @classmethod
    def _is_absent(cls, field: str, value: object) -> bool:
        if not isinstance(value, str):
            return False
        no_category = field in ("category", "topic") and clean_name(value).casefold() in NO_CATEGORY
        return is_missing_word(value) or no_category

    @classmethod
    def parse(cls, values: dict[str, Any], *, file: object = "record", row: int | None = None) -> Self:
        """Validate one row.

        Raises
        ------
        RecordError : names ``file``, ``row``, the first bad field and what it holds.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = error.errors(include_url=False)
        field, fault = _first_fault(faults, values)
        raise RecordError.at(file, fault, row=row, field=field)


class PromptRecord(_Record):
    """One request: its text, whether it is harmful, and what it must not be separated from."""

    named: ClassVar[tuple[str, ...]] = ("source", "category", "subcategory", "topic", "group", "pair_id")

    prompt: Text
    """The user's text, without any chat template."""

    messages: None = None
    """A list of ``{role, content}`` in place of `prompt`, which is then its last turn; kept as the fields
    below."""

    system: OptionalText = None
    """A system text of this prompt's own, in place of the study's."""

    earlier_turns: EarlierTurns = None
    """What the user wrote and the assistant answered before the prompt."""

    prefill: OptionalText = None
    """Text that the assistant's answer begins with; the model goes on from it."""

    harmful: Truth = None
    """D; None = unlabelled, and masked wherever D is a target."""

    category: Name = None
    """C; on a harmless prompt its topic."""

    subcategory: Name = None
    topic: Name = None

    group: KeyName = None
    """Records of one group never stand on two sides of a split."""

    pair_id: KeyName = None
    """A name that twins share, or, where no other record has it, the id of the twin; twins are one group."""

    @classmethod
    def parse(cls, values: dict[str, Any], *, file: object = "record", row: int | None = None) -> Self:
        """Validate one row, its messages read into the other fields; errors as of every record."""
        try:
            values = spread_messages(values) if "messages" in values else values
        except ValueError as error:
            raise RecordError.at(file, str(error), row=row, field="messages") from error
        record = super().parse(values, file=file, row=row)
        if (record.earlier_turns or record.system) and (n := len(record.whole_text)) > LONGEST_TEXT:
            fault = (
                f"and what stands beside it are {n:,} characters; leave out turns (most: {LONGEST_TEXT:,})"
            )
            raise RecordError.at(file, fault, row=row, field="prompt")
        return record

    @property
    def conversation(self) -> Conversation:
        """What the record brings beside its prompt."""
        return Conversation(system=self.system, turns=self.earlier_turns or (), prefill=self.prefill or "")

    @property
    def whole_text(self) -> str:
        """All that a model reads of this record: its request between a system text and a prefill."""
        return "\n".join(filter(None, [self.system, self.request, self.prefill]))

    @property
    def request(self) -> str:
        """What is asked: the prompt behind its earlier turns.

        Without system text and prefill, which many prompts share: two requests behind one system text are no
        copies of each other, and one request behind two of them is one.
        """
        return "\n".join([text for turn in self.earlier_turns or () for text in turn] + [self.prompt])


class ResponseRecord(_Record):
    """The beginning of one model's answer to one prompt, with labels where somebody gave them."""

    named: ClassVar[tuple[str, ...]] = ("source", "wording")

    prompt_id: Key
    model: Text

    response_opening: Opening | None = None
    """None = withheld: the labels still count, the text is unknown."""

    label: Name = None
    """R in the file's own words, such as refusal, partial_refusal, compliance; None = unlabelled."""

    wording: Name = None
    """W; meaningful only where the label is a refusal."""

    label_source: Name = None
    """Who or what labelled."""

    truncated: Truth = None
    """Whether the answer went on after the opening."""


class OpeningRecord(_Record):
    """The beginning of an answer with gold wording moves, without its prompt or model."""

    response_opening: Opening
    moves_gold: Sequence[str] | None = None
    """The wording moves people found; None = nobody looked."""

    label: Name = None
    wording: Name = None
    label_source: Name = None
    truncated: Truth = None


def _first_fault(faults: Sequence[Any], values: dict[str, Any]) -> tuple[str, str]:
    """Return the first bad field and one sentence on it, counting the other faults of the row."""
    fault = faults[0]
    field = str(fault["loc"][0]) if fault["loc"] else "record"
    got = abbreviate(fault["input"])
    match fault["type"]:
        case "missing":
            known = ", ".join(abbreviate(name) for name in list(values)[:12]) or "no field"
            text = f"is missing; the row has {known}; add it, or map the column that holds it"
        case "string_type" if fault["input"] is None:
            text = "is empty; give it a value, or leave the record out"
        case "string_type":
            text = f"must be text; got {got}"
        case "value_error":
            text = f"{fault['ctx']['error']}; got {got}"
        case _:
            text = f"{fault['msg'][0].lower()}{fault['msg'][1:]}; got {got}"
    others = len({str(other["loc"][:1]) for other in faults}) - 1
    return field, text + (f" (and {others} more bad fields in this row)" if others else "")
