"""What the files of a finished run hold, checked by type: a folder may come from anyone."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class _Shape(BaseModel):
    """Fields that readers rely on; others stay as they are."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Extraction(_Shape):
    layers: list[int] = []
    positions: list[str] = []
    cache_key: str = ""


class _ModelSummary(_Shape):
    identity: dict[str, Any] = {}
    extraction: _Extraction = _Extraction()
    groups_per_cell: dict[str, int] = {}
    wording_by_category: dict[str, dict[str, int]] = {}
    unlabelled: dict[str, int] = {}
    cut_answers: str | None = None
    selected: list[dict[str, Any]] = []
    tuned: list[dict[str, Any]] = []
    not_studied: dict[str, str] = {}
    not_separated: dict[str, str] = {}
    reasons: dict[str, dict[str, Any]] = {}


class _Summary(_Shape):
    study: str = ""
    seed: int = 0
    prompts: int = 0
    groups: int = 0
    split_digest: str = ""
    held_out_prompts: int = 0
    notes: list[str] = []
    answer: list[str] = []
    licences: list[dict[str, Any]] = []
    machine: dict[str, Any] = {}
    versions: dict[str, Any] = {}
    not_drawn: dict[str, str] = {}
    fingerprint: str | None = None
    models: dict[str, _ModelSummary]


class _StudyModel(_Shape):
    name: str


class _Study(_Shape):
    name: str = ""
    models: list[_StudyModel] = []
    report: dict[str, Any] | None = None
    separation: dict[str, Any] | None = None


def fault_of_summary(summary: dict[str, Any]) -> str | None:
    """Return which field of a summary is of another type than a run writes; None where none is."""
    return _fault(_Summary, summary)


def fault_of_study(study: dict[str, Any]) -> str | None:
    """Return which field of a run's study is of another type than a run writes; None where none is."""
    return _fault(_Study, study)


def _fault(shape: type[_Shape], table: dict[str, Any]) -> str | None:
    try:
        shape.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part)[:80] for part in first["loc"])
        message = str(first["msg"])
        return f"{place}: {message[:1].lower()}{message[1:]}"
    return None
