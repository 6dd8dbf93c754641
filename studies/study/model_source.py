"""The section of a study file on one model: where it is, and what it is given around every prompt."""

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, ValidationError, field_validator, model_validator

from unsinter.cache.location import expand_home
from unsinter.features.rendering.clock import DEFAULT_DATE, checked_date
from unsinter.features.rendering.template_input import TemplateInput
from unsinter.studies.study.model_loading import ModelLoading
from unsinter.studies.study.saved_activations import SavedActivations, check_source
from unsinter.studies.study.section import FILE_NAME, StudySection

LONGEST_TEXT = 30_000
"""Characters of a system text or a chat template; the longest that models have are half of it."""

LONGEST_TEXTS = 2 * LONGEST_TEXT
"""Characters of all files' texts together: the study of a run, which holds them, must stay readable."""


def _day(value: object) -> str:
    """Return a day that YAML or text wrote; ValueError for anything else."""
    return checked_date(value.isoformat() if isinstance(value, datetime.date) else value)


def _written(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank; write a text")
    return value


PinnedDay = Annotated[str, BeforeValidator(_day)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class Example(StudySection):
    """Two turns before the prompt."""

    user: Text
    assistant: Text

    @field_validator("user", "assistant")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        return _written(value)


class PromptContext(StudySection):
    """What a model's chat template is given around every prompt."""

    may_repeat: ClassVar[frozenset[str]] = frozenset({"examples"})

    system: Text | None = None
    """A system text, or ``{file: system.txt}``; an empty one takes the place of the template's own."""

    examples: tuple[Example, ...] = ()
    """Turns before every prompt, each ``{user: ..., assistant: ...}``."""

    template_options: dict[str, JsonValue] = Field(default_factory=dict)
    """Variables of the chat template, as ``{enable_thinking: false}``."""

    template_text: Text | None = None
    """A chat template in place of the tokenizer's own: what ``template_file`` holds."""

    @field_validator("template_options")
    @classmethod
    def _are_json(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        json.dumps(value, allow_nan=False)  # ValueError for infinite numbers, which no JSON has
        return value

    @field_validator("template_text")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        return None if value is None else _written(value)

    @property
    def beside(self) -> TemplateInput:
        """What the chat template is given beside a prompt's text."""
        turns = tuple((example.user, example.assistant) for example in self.examples)
        return TemplateInput(system=self.system, examples=turns, options=self.template_options)

    @property
    def context(self) -> dict[str, Any]:
        """What is said of the prompt's surroundings, as plain values; empty where nothing is."""
        dumped = self.model_dump(mode="json", include=set(PromptContext.model_fields))
        return {name: value for name, value in dumped.items() if value is not None and value != _UNSAID[name]}


def context_of(card: Mapping[str, Any]) -> PromptContext:
    """Return what a probe's card says of the surroundings of its prompts.

    Raises
    ------
    ValueError : the card says nothing that can be read.
    """
    context = card.get("context") or {}
    if not isinstance(context, Mapping):
        raise ValueError(f"context is no table: {str(context)[:80]!r}")
    try:
        return PromptContext.model_validate({k: v for k, v in context.items() if k != "revision"})
    except ValidationError as error:
        problem = error.errors()[0]
        raise ValueError(f"context.{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error


_UNSAID: Mapping[str, Any] = {"system": None, "examples": [], "template_options": {}, "template_text": None}


class ModelPlace(ModelLoading):
    """Where a model is, and how its prompts are rendered."""

    name: str = Field(pattern=FILE_NAME)
    """What tables, figures and files call it."""

    path: str
    """A folder or a hub id; ``planted:detached`` and ``planted:sintered`` name the shipped models, and
    ``bundled:smollm2`` a real one from a package of its own."""

    revision: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._/-]+$", max_length=200)
    """Commit, tag or branch of a hub id."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    template: Literal["auto", "chat", "raw"] = "auto"

    date: PinnedDay = DEFAULT_DATE
    """The day, as 2024-07-26, that a chat template is shown which reads the clock: never today."""

    activations: SavedActivations | None = None
    """Arrays that were saved elsewhere; the model is then not loaded, ``path`` only names it."""

    _loaded_or_saved = model_validator(mode="after")(check_source)


class ModelSource(PromptContext, ModelPlace):
    """A model whose activations are read."""

    @model_validator(mode="after")
    def _bare_text_has_no_surroundings(self) -> Self:
        if self.template == "raw" and self.context:
            raise ValueError(
                f"template: raw uses no chat template, so {next(iter(self.context))} cannot be used"
            )
        return self


def with_texts(table: Mapping[str, Any], *, folder: Path) -> Mapping[str, Any]:
    """Return a study's table with the texts of files in place of their names, relative to ``folder``.

    The resolved study of a run then holds what was read, whatever becomes of the files. What is no such table
    is left as it is, for validation to name.

    Raises
    ------
    ValueError : a file that cannot be read, is too long, or is no text; both a template and its file; texts
        that are too long together.
    """
    models = table.get("models")
    if not isinstance(models, Sequence) or isinstance(models, str):
        return table
    read = [
        _with_texts(m, f"models.{n}", folder) if isinstance(m, Mapping) else m for n, m in enumerate(models)
    ]
    n = sum(
        len(text)
        for m in read
        if isinstance(m, Mapping)
        for text in map(m.get, _TEXTS)
        if isinstance(text, str)
    )
    if n > LONGEST_TEXTS:
        raise ValueError(
            f"models hold {n:,} characters of system texts and templates; {LONGEST_TEXTS:,} at most"
        )
    return {**table, "models": read}


_TEXTS = ("system", "template_text")


def _with_texts(model: Mapping[str, Any], where: str, folder: Path) -> Mapping[str, Any]:
    model = dict(model)
    system = model.get("system")
    if isinstance(system, Mapping) and set(system) == {"file"}:
        model["system"] = _read(system["file"], f"{where}.system.file", folder)
    if "template_file" in model:
        if model.get("template_text") is not None:
            raise ValueError(f"{where} has both template_file and template_text; keep one")
        name = model.pop("template_file")
        model |= {} if name is None else {"template_text": _read(name, f"{where}.template_file", folder)}
    return model


def _read(name: object, where: str, folder: Path) -> str:
    if not isinstance(name, str):
        raise ValueError(f"{where} must be the path of a file, got {str(name)[:80]!r}")
    try:
        path = folder / expand_home(name)
        if not path.is_file():
            raise ValueError(f"{where} names {str(path)[:200]}, which is no file")
        if path.stat().st_size > 4 * LONGEST_TEXT:
            raise ValueError(f"{where}: {path} has more than {LONGEST_TEXT:,} characters")
        text = path.read_text(encoding="utf-8")
        if "\0" in text:
            raise ValueError(f"{where}: {path} holds a zero character, which is no text")
        return text
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where}: {path} is not UTF-8 (byte {error.start + 1}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise ValueError(f"{where} names {name[:80]!r}, which cannot be read ({error.strerror})") from error


__all__ = ["Example", "ModelSource", "PromptContext", "context_of", "with_texts"]
