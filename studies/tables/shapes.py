"""What the files of a finished run hold, checked by type: a folder may come from anyone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from pydantic import BaseModel, ConfigDict, ValidationError

from unsinter.studies.tables.column import Columns, Dtype


class _Shape(BaseModel):
    """Fields that readers rely on; others stay as they are."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Extraction(_Shape):
    layers: list[int] = []
    positions: list[str] = []
    cache_key: str = ""
    not_had: dict[str, str] = {}


class _ModelSummary(_Shape):
    identity: dict[str, Any] = {}
    extraction: _Extraction = _Extraction()
    groups_per_cell: dict[str, int] = {}
    wording_by_category: dict[str, dict[str, int]] = {}
    answers: dict[str, Any] = {}
    rendered: str = ""
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
    sources: dict[str, dict[str, int]] = {}
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


_WORDS: dict[Dtype, str] = {
    "text": "text",
    "whole": "whole numbers",
    "number": "numbers",
    "flag": "true and false",
}


def fault_of_table(table: pd.DataFrame, columns: Columns) -> str | None:
    """Return which declared column of a table holds another type; None where none does.

    A missing value is of every type, so that a column without any value is right whatever type it was given.
    """
    for name, column in columns.items():
        if name in table.columns and not _HOLDS[column.dtype](table[name].dropna()):
            return f"{name}: holds {table[name].dtype} where {_WORDS[column.dtype]} belong"
    return None


def _is_text(values: pd.Series) -> bool:
    return types.infer_dtype(values.astype(object), skipna=False) == "string"


def _is_flag(values: pd.Series) -> bool:
    return types.is_bool_dtype(values) or all(isinstance(value, bool | np.bool_) for value in values)


def _is_number(values: pd.Series) -> bool:
    is_numeric = types.is_numeric_dtype(values) and not types.is_bool_dtype(values)
    return is_numeric and not types.is_complex_dtype(values)


def _is_whole(values: pd.Series) -> bool:
    """Whether each value is a whole number that a float holds exactly: neither infinite nor beyond 2^53."""
    return _is_number(values) and bool(((values == np.floor(values)) & (values.abs() < 2**53)).all())


def _or_empty(holds: Callable[[pd.Series], bool]) -> Callable[[pd.Series], bool]:
    return lambda values: values.empty or holds(values)


_HOLDS: dict[Dtype, Callable[[pd.Series], bool]] = {
    "text": _or_empty(_is_text),
    "whole": _or_empty(_is_whole),
    "number": _or_empty(_is_number),
    "flag": _or_empty(_is_flag),
}


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
