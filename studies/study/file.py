"""The study file: fields that change the result, checked before any compute."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import yaml
from pydantic import Field, NonNegativeInt, ValidationError, field_validator, model_validator

from unsinter.cache.errors import UnsinterError as UnsinterError
from unsinter.cache.location import expand_home
from unsinter.features.records.columns import Column
from unsinter.probes.families.registry import DEFAULT, family_of
from unsinter.studies.study.causal import Causal
from unsinter.studies.study.group_minimums import MIN_GROUPS
from unsinter.studies.study.model_loading import folders_beside
from unsinter.studies.study.model_source import with_texts
from unsinter.studies.study.own_targets import OwnTarget, target_name
from unsinter.studies.study.parts import check_causal, check_models, check_positions
from unsinter.studies.study.run_files import check_run_file
from unsinter.studies.study.sections import (
    FILE_NAME,
    MOST_DRAWS,
    Controls,
    Example,
    ModelSource,
    NearCopies,
    Penalty,
    PromptFile,
    PromptSource,
    ReportText,
    ResponseSource,
    SavedActivations,
    Separation,
    ShownPrompts,
    StudySection,
    SweepFamily,
    Tuning,
    inherit_min_groups,
)
from unsinter.studies.study.shown_input import fault_text, shown, shown_place, yaml_fault
from unsinter.studies.study.target_names import AskedTarget, check_pairs, check_targets
from unsinter.studies.study.unique_keys import load_yaml

SCHEMA_VERSION = 4


class StudyError(UnsinterError, ValueError):
    """A study file, or the data it names, cannot be run as asked."""


class Study(StudySection):
    """One study: data, models, sites, targets, split."""

    may_repeat: ClassVar[frozenset[str]] = frozenset({"layers", "models"})

    name: str = Field(pattern=FILE_NAME)
    seed: int = Field(default=0, ge=0, lt=2**32)
    models: tuple[ModelSource, ...] = Field(min_length=1)
    prompts: PromptSource
    responses: ResponseSource | None = None
    targets: tuple[AskedTarget, ...] = Field(default=("D", "C"), min_length=1)
    layers: Literal["all"] | Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] = "all"
    positions: tuple[str, ...] = Field(default=("instruction_end", "template_end"), min_length=1)
    family: SweepFamily = DEFAULT.name
    """Which probe reads every site; `tuning` tries the others where asked to."""

    penalties: tuple[Penalty, ...] = Field(default=(1e-4, 1e-3, 1e-2, 1e-1, 1.0), min_length=1)
    """L2 penalties tried; one is chosen inside the training rows (see ``LogisticProbe``)."""

    weighting: Literal["none", "class", "cell"] = "none"
    """What counts alike in training: all rows, classes in sum, or the cells of harm x refusal in sum."""

    test_fraction: float = Field(default=0.25, gt=0.0, lt=0.9)
    """Share of the groups held out; rounded to one in a whole number of folds."""

    inner_folds: int = Field(default=3, ge=2, le=1_000)
    hold_out: tuple[Literal["source", "category"], ...] = ()
    """Beside the split: each source or category held out in turn, everything chosen on the others (D)."""

    transfer: tuple[Literal["category", "wording", "source"], ...] = ("category", "wording", "source")
    """Which transfer matrices; one that the data cannot fill is left out and named."""

    controls: Controls = Controls()
    tuning: Tuning = Field(default_factory=Tuning)
    separation: Separation = Separation()
    causal: Causal | None = None
    bootstrap_draws: int = Field(default=1000, ge=100, le=MOST_DRAWS)
    min_groups: int = Field(default=MIN_GROUPS, ge=2)
    """Classes, categories, sources and counted cells with fewer independent groups are not studied."""

    on_too_long: Literal["error", "drop"] = "error"
    show: ShownPrompts = ShownPrompts()
    report: ReportText = ReportText()
    allow_response_positions: bool = False
    """Let probes read response tokens: such a probe sees the answer it is to predict.

    Answers then come first and are read behind their prompts; a prompt without one takes no part.
    """

    @field_validator("layers", mode="after")
    @classmethod
    def _each_layer_once(cls, layers: Any) -> Any:
        return tuple(dict.fromkeys(layers)) if isinstance(layers, tuple) else layers

    @model_validator(mode="before")
    @classmethod
    def _cells_need_as_many_groups(cls, table: Any) -> Any:
        return inherit_min_groups(table)

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        answers, allows = self.responses.samples if self.responses else 0, self.allow_response_positions
        check_targets(self.targets, answers=answers, hold_out=self.hold_out)
        check_pairs(self.separation.pairs, self.separation.sure, self.targets)
        check_models(self.models, self.responses)
        if self.causal is not None:
            self.causal.check_site(self.layers, self.positions)
            check_causal(self.models, self.target_names)
        check_positions(self.positions, self.models, allows_answers=allows, has_responses=answers > 0)
        if (own_weighting := family_of(self.family).own_weighting) and self.weighting != "none":
            raise ValueError(f"family {self.family} {own_weighting}; drop weighting")
        return self

    @property
    def target_names(self) -> tuple[str, ...]:
        """The targets by name, in the order of the file."""
        return tuple(map(target_name, self.targets))

    @property
    def own_targets(self) -> tuple[OwnTarget, ...]:
        """The targets that the file defines itself."""
        return tuple(target for target in self.targets if isinstance(target, OwnTarget))


def load_study(path: Path | str, *, overrides: Sequence[str] = ()) -> Study:
    """Read a study file; paths in it are taken relative to the file.

    Parameters
    ----------
    overrides : ``key.sub=value`` strings, values in YAML, applied before validation.

    Raises
    ------
    StudyError : not readable, not YAML, an unknown key (its nearest neighbour is named), a wrong type, or a
        data file that does not exist.
    """
    file = expand_home(path)
    check_run_file(file, error=StudyError)
    try:
        table = load_yaml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StudyError(f"{file}: cannot be read as a study file: {yaml_fault(error)}.") from error
    if not isinstance(table, dict):
        raise StudyError(f"{file}: a study file is a mapping of keys, got {type(table).__name__}.")
    keys = [override.partition("=")[0] for override in overrides]
    for override, key in zip(overrides, keys, strict=True):
        if keys.count(key) > 1:
            raise StudyError(f"--set names {key!r} twice; name it once.")
        _apply(table, override)
    return parse_study(table, origin=file)


def parse_study(table: Mapping[str, Any], *, origin: Path) -> Study:
    """Validate a parsed table; ``origin`` names it in errors and anchors its relative paths."""
    try:
        study = Study.model_validate(with_texts(table, folder=origin.parent))
    except ValidationError as error:
        raise StudyError(f"{origin}: {_first_problem(error)}") from error
    except ValueError as error:
        raise StudyError(f"{origin}: {error}.") from error
    responses = study.responses
    if responses is not None:
        responses = responses.model_copy(update={"path": _existing(responses.path, origin, "responses.path")})
    prompts = _existing_prompts(study.prompts, origin)
    models = tuple(_placed(model, origin) for model in study.models)
    return study.model_copy(update={"responses": responses, "prompts": prompts, "models": models})


def _apply(table: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise StudyError(f"--set takes key=value, as --set seed=1; got {len(override)} characters.")
    *parents, leaf = key.split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise StudyError(f"--set {key}: {parent!r} is not a section.")
    try:
        table[leaf] = load_yaml(value)
    except yaml.YAMLError as error:
        raise StudyError(f"--set {key}: the value is not YAML: {yaml_fault(error)}.") from error


def _existing_prompts(prompts: PromptSource, origin: Path) -> PromptSource:
    """Return the section with the place of every file; StudyError for one that is absent or named twice."""
    named = (*prompts.path, *(file.path for file in prompts.files))
    places = _existing(named, origin, "prompts.path" if prompts.path else "prompts.files")
    own, further = places[: len(prompts.path)], places[len(prompts.path) :]
    files = [
        file.model_copy(update={"path": place}) for file, place in zip(prompts.files, further, strict=True)
    ]
    return prompts.model_copy(update={"path": own, "files": tuple(files)})


def _existing(paths: tuple[Path, ...], origin: Path, field: str) -> tuple[Path, ...]:
    resolved: dict[Path, None] = {}
    for path in paths:
        try:
            place = (origin.parent / expand_home(path)).resolve()
            exists = place.exists()
        except (OSError, ValueError, RuntimeError):  # too long, a zero character, a link to itself
            name = str(path)[:80]
            raise StudyError(f"{origin}: {field} names {name!r}, which no file can be called.") from None
        if not exists:
            raise StudyError(f"{origin}: {field} names {place}, which does not exist.")
        if place in resolved:
            raise StudyError(f"{origin}: {field} names {place} twice; name it once.")
        check_run_file(place, error=StudyError)
        resolved[place] = None
    return tuple(resolved)


def _placed(model: ModelSource, origin: Path) -> ModelSource:
    """Return a model with its folder, or its saved activations, where they lie; StudyError without ids."""
    if (saved := model.activations) is not None:
        _existing((saved.ids,), origin, f"models: {model.name}: activations.ids")
        return model.model_copy(update={"activations": saved.resolved(origin.parent)})
    return model.model_copy(update=folders_beside(model, origin.parent))


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    if problem["loc"][:1] == ("layers",):
        return f"layers: use all or a list of whole numbers from 0, got {shown(problem)}."
    where = shown_place(problem, known=_known_keys()) or "study"
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(problem["loc"][-1]), _known_keys(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; accepted are {', '.join(Study.model_fields)}."
        return f"unknown key {where!r}{hint}"
    return f"{where}: {fault_text(problem)}."


def _known_keys() -> list[str]:
    sections = (
        *(Study, PromptSource, PromptFile, NearCopies, ResponseSource, ModelSource, Controls, Tuning),
        *(Separation, ShownPrompts, Causal, ReportText, Column, OwnTarget, Example, SavedActivations),
    )
    return ["template_file", *(i.alias or n for part in sections for n, i in part.model_fields.items())]
