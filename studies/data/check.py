"""What a data set holds and which questions it can answer, before anything is computed from a model."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from unsinter.features.labelling.recorded import RecordedLabel, label_notes, recorded_label
from unsinter.features.records.columns import ColumnMap
from unsinter.features.records.duplicates import Grouping, group_prompts
from unsinter.features.records.readers import Source, detect_kind, read_openings, read_prompts, read_responses
from unsinter.features.records.record import OpeningRecord, PromptRecord, RecordError, ResponseRecord
from unsinter.features.records.rows import FileRows, read_rows
from unsinter.studies.data.association import Association, label_associations
from unsinter.studies.data.group_counts import LabelledRow
from unsinter.studies.data.labelled_rows import prompt_row, response_row
from unsinter.studies.data.large_cells import CellQuestion
from unsinter.studies.data.notes import prompt_notes
from unsinter.studies.data.own_questions import OwnQuestions
from unsinter.studies.data.questions import prompt_questions, response_questions
from unsinter.studies.data.spellings import name_notes, unify_prompts, unify_responses
from unsinter.studies.study.built_in_targets import HARM
from unsinter.studies.study.sections import NearCopies

SHOWN = 5
MODELS: Mapping[str, type[BaseModel]] = {
    "prompts": PromptRecord,
    "responses": ResponseRecord,
    "openings": OpeningRecord,
}
READERS: Mapping[str, Callable[..., Sequence[PromptRecord | ResponseRecord | OpeningRecord]]] = {
    "prompts": read_prompts,
    "responses": read_responses,
    "openings": read_openings,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What the files hold; `check_tables` of the command line turns it into printable tables."""

    files: tuple[tuple[str, str, int], ...]
    """(name, kind, number of records)"""

    prompts: tuple[LabelledRow, ...]
    """One per prompt, with its final group."""

    responses: tuple[LabelledRow, ...]
    """One per response, joined to its prompt where that is known."""

    grouping: Grouping | None
    """None without prompts: near copies cannot be found, and a prompt id is taken for a group."""

    missing: tuple[tuple[str, int, int], ...]
    """(label, rows without it, rows that could have it)"""

    associations: tuple[Association, ...]
    own: tuple[str, ...]
    """Targets of prompts that are counted like any other: those of the study's own among them."""

    questions: tuple[CellQuestion, ...]
    notes: tuple[str, ...]


def check_data(
    sources: Sequence[Source] | str | Path,
    *,
    prompts: Sequence[Source] = (),
    responses: Sequence[Source] = (),
    columns: ColumnMap | None = None,
    all_harmful: Mapping[Path, bool] | None = None,
    near_copies: NearCopies | None = None,
) -> CheckReport:
    """Read files, say what they hold and which questions they can answer.

    The kind of each of ``sources`` is told from its columns; ``prompts`` and ``responses`` must be what they
    are said to be. ``columns`` maps our field to their column; each kind of file takes the fields it has, and
    a field that prompts and responses share is taken for prompts. ``all_harmful`` names further files of
    prompts that are all harmful (True) or all harmless (False).

    Raises
    ------
    FileNotFoundError, RecordError : as the readers; also a mapped field that no given file could have.
    """
    columns = dict(columns or {})
    sources = [sources] if isinstance(sources, str | Path) else sources
    declared = dict(all_harmful or {})
    tables = [read_rows(source) for source in sources]
    kinds: list[tuple[FileRows, str, bool | None]]
    kinds = [(table, detect_kind(table, columns=columns), None) for table in tables]
    kinds += [(read_rows(source), "prompts", None) for source in prompts]
    kinds += [(read_rows(source), "prompts", label) for source, label in declared.items()]
    kinds += [(read_rows(source), "responses", None) for source in responses]
    if not kinds:
        raise RecordError("No file is given; name at least one file of prompts or responses.")
    maps = _maps_by_kind(columns, {kind for _, kind, _ in kinds})
    by_kind: dict[str, list[PromptRecord | ResponseRecord | OpeningRecord]] = {kind: [] for kind in maps}
    files = []
    seen: dict[str, str] = {}
    for table, kind, label in kinds:
        if label is None:
            records = READERS[kind](table, columns=maps[kind])
        else:
            records = read_prompts(table, columns=maps[kind], declared={"harmful": label})
        name = table.name
        for record in records:
            if other := seen.get(f"{kind} {record.id}"):
                fault = f"{record.id!r} is in {other} too; make the ids unique over all files"
                raise RecordError.at(name, fault, field="id")
        seen.update({f"{kind} {record.id}": name for record in records})
        by_kind[kind] += records
        files.append((name, str(kind), len(records)))
    return check_records(
        [record for record in by_kind["prompts"] if isinstance(record, PromptRecord)],
        [record for record in by_kind["responses"] if isinstance(record, ResponseRecord)],
        files=files,
        near_copies=near_copies,
    )


def check_records(
    prompts: Sequence[PromptRecord],
    responses: Sequence[ResponseRecord] = (),
    *,
    files: Sequence[tuple[str, str, int]] = (),
    near_copies: NearCopies | None = None,
    beside: OwnQuestions | None = None,
) -> CheckReport:
    """Say what records hold and which questions they can answer; ``files`` is only repeated in the report.

    ``beside`` holds what a study file asks beside the built-in questions, and how many groups are enough.
    """
    beside = beside or OwnQuestions()
    prompts, responses = unify_prompts(prompts), unify_responses(responses)
    grouping = group_prompts(prompts, **(near_copies or NearCopies()).model_dump()) if prompts else None
    labels = grouping.labels if grouping else ()
    own = beside.labels(prompts)
    prompt_rows = [prompt_row(*parts) for parts in zip(prompts, labels, own, strict=True)]
    by_id = {record.id: (record, row) for record, row in zip(prompts, prompt_rows, strict=True)}
    read = [recorded_label(record) for record in responses]
    response_rows = [
        response_row(record, label, by_id.get(record.prompt_id))
        for record, label in zip(responses, read, strict=True)
    ]
    needed = beside.min_groups
    questions = prompt_questions(prompt_rows, needed=needed) if prompts else []
    questions += beside.of_prompts(prompt_rows)
    models = sorted({row.model for row in response_rows if row.model is not None})
    for model in models:
        answers = [row for row in response_rows if row.model == model]
        questions += response_questions(answers, model, needed=needed) + beside.of_answers(answers, model)
    return CheckReport(
        files=tuple(files),
        prompts=tuple(prompt_rows),
        responses=tuple(response_rows),
        grouping=grouping,
        missing=tuple(_missing(prompt_rows, responses, read, beside.names)),
        associations=tuple(label_associations(prompt_rows, response_rows, own=beside.names)),
        own=beside.names,
        questions=tuple(questions),
        notes=(
            *_opening_notes(files),
            *label_notes(responses, read),
            *_notes(prompts, responses, by_id, grouping),
            *beside.notes(prompts),
        ),
    )


def _maps_by_kind(columns: ColumnMap, kinds: set[str]) -> dict[str, dict[str, Any]]:
    """Give each kind of file the part of the map it can use; RecordError for a field none can use."""
    maps: dict[str, dict[str, Any]] = {kind: {} for kind in MODELS}
    for field, column in columns.items():
        takers = [kind for kind, model in MODELS.items() if field in model.model_fields]
        if not takers:
            known = sorted({name for model in MODELS.values() for name in model.model_fields})
            near = " or ".join(get_close_matches(field, known, n=3)) or f"one of {', '.join(known)}"
            raise RecordError(f"columns maps {field!r}, which is no field of ours; use {near}.")
        present = [kind for kind in takers if kind in kinds]
        if not present:
            fault = f"columns maps {field!r}, which only {' and '.join(takers)} have"
            raise RecordError(f"{fault}; add such a file.")
        for kind in present[:1] if "prompts" in present else present:
            maps[kind][field] = column
    return maps


def _missing(
    rows: Sequence[LabelledRow],
    responses: Sequence[ResponseRecord],
    read: Sequence[RecordedLabel],
    own: Sequence[str],
) -> list[tuple[str, int, int]]:
    entries = [
        ("prompts: harmful", *_absent(rows, "D")),
        ("harmful prompts: category", *_absent([row for row in rows if row.label("D") == HARM[True]], "C")),
        ("prompts: source", sum(row.source is None for row in rows), len(rows)),
        *((f"prompts: {name}", *_absent(rows, name)) for name in own),
    ]
    refused = [
        record.wording or label.wording
        for record, label in zip(responses, read, strict=True)
        if label.refusal == "refusal"
    ]
    entries += [
        ("responses: label", sum(record.label is None for record in responses), len(responses)),
        ("responses: text", sum(record.response_opening is None for record in responses), len(responses)),
        ("refusals: wording", sum(wording is None for wording in refused), len(refused)),
    ]
    return [entry for entry in entries if entry[2]]


def _absent(rows: Sequence[LabelledRow], target: str) -> tuple[int, int]:
    return sum(row.label(target) is None for row in rows), len(rows)


def _opening_notes(files: Sequence[tuple[str, str, int]]) -> list[str]:
    count = sum(n for _, kind, n in files if kind == "openings")
    what = "openings with gold wording stand without prompt or model: they can score a labeller of wording"
    return [f"{count} {what}, and answer no question on D, C or R."] if count else []


def _notes(
    prompts: Sequence[PromptRecord],
    responses: Sequence[ResponseRecord],
    ids: Collection[str],
    grouping: Grouping | None,
) -> list[str]:
    notes = []
    if grouping and grouping.n_joined:
        joined = f"Copies ({grouping.n_copies}) and near copies join {grouping.n_joined} groups to others"
        notes.append(f"{joined}; independent groups: {grouping.n_groups} of {grouping.n_given}.")
    notes += prompt_notes(prompts, grouping) if grouping else []
    notes += name_notes(responses)
    if responses and not prompts:
        fault = "Without the prompts D and C are unknown and near copies cannot be found"
        notes.append(f"{fault}; give their file too.")
    elif unknown := [record.prompt_id for record in responses if record.prompt_id not in ids]:
        some = ", ".join(list(dict.fromkeys(unknown))[:SHOWN])
        fault = f"{len(unknown)} responses name a prompt that no file holds (such as {some})"
        notes.append(f"{fault}; their D and C are unknown.")
    if responses and prompts:
        answered = {record.prompt_id for record in responses}
        silent = sum(record.id not in answered for record in prompts)
        notes += [f"{silent} of {len(prompts)} prompts have no response."] if silent else []
    return notes
