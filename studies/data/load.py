"""What a study names, found and read: models, prompts, recorded responses."""

from collections.abc import Sequence
from pathlib import Path

from unsinter.features.labelling.recorded import recorded_label
from unsinter.features.records.conversation import CONVERSATION_FIELDS
from unsinter.features.records.readers import read_prompts, read_responses
from unsinter.features.records.record import PromptRecord, RecordError, ResponseRecord, abbreviate
from unsinter.studies.data.record_fields import Where, record_fields
from unsinter.studies.data.spellings import unify_prompts
from unsinter.studies.data.targets import Response
from unsinter.studies.planted import demo_prompts
from unsinter.studies.study.file import Study, StudyError
from unsinter.studies.study.run_options import Progress, counted, silent
from unsinter.studies.study.sections import PromptSource, ResponseSource


def study_prompts(study: Study) -> list[PromptRecord]:
    """Return the prompts of a study, all of which its models can be shown; as `read_study_prompts`.

    Raises
    ------
    StudyError : no record passes ``where``, or one brings turns to a model that is read without a template.
    RecordError : as `read_study_prompts`.
    """
    prompts = read_study_prompts(study.prompts, seed=study.seed)
    bare = [model.name for model in study.models if model.template == "raw" and model.activations is None]
    with_turns = next((prompt for prompt in prompts if prompt.conversation), None)
    if bare and with_turns:
        field = next(name for name in CONVERSATION_FIELDS if getattr(with_turns, name, None))
        raise StudyError(
            f"prompt {abbreviate(with_turns.id)} has {field}, and model {bare[0]!r} is read with "
            "template: raw, which has no place for it; drop template: raw, or rename that field of the file."
        )
    return prompts


def read_study_prompts(source: PromptSource, *, seed: int) -> list[PromptRecord]:
    """Return the study's prompts: the files' records that pass ``where``, or the planted prompts.

    Names of categories and sources that differ by case or code points alone have one spelling.

    Raises
    ------
    StudyError : no record passes ``where``.
    RecordError : as `read_prompts`, and an id in two files.
    """
    if not source.parts:
        return [PromptRecord.model_validate(record) for record in demo_prompts(seed=seed)]
    prompts = unify_prompts(_records(source))
    where = Where(source.where)
    kept = [record for record in prompts if where.holds(record_fields(record))]
    if not kept:
        raise StudyError(f"prompts.where {source.where} keeps none of {len(prompts)} records; loosen it.")
    return kept


def _records(source: PromptSource) -> list[PromptRecord]:
    records: list[PromptRecord] = []
    places: dict[str, Path] = {}
    for part in source.parts:
        for record in read_prompts(part.path, columns=part.columns, declared=part.declared):
            if (other := places.setdefault(record.id, part.path)) != part.path:
                fault = f"{abbreviate(record.id)} is in {other} too; make the ids unique over all files"
                raise RecordError.at(part.path, fault, field="id")
            records.append(record)
    return records


def read_recorded_responses(
    source: ResponseSource, prompts: Sequence[PromptRecord], *, progress: Progress = silent
) -> dict[str, list[Response | None]]:
    """Return the answer of every recorded model to each prompt (n_prompts,), None where it has none.

    A label that the file carries is kept (it may be human); wording comes from our rules, and only on
    refusals. Labels that are no value of R (a refutation, say) count as unknown, and so does
    a prompt that a model answered more than once (merged duplicates, say) with answers that differ in kind.

    Raises
    ------
    StudyError : ``source.model`` is in no record, or answered none of the study's prompts.
    """
    by_model: dict[str, dict[str, list[ResponseRecord]]] = {}
    for record in read_responses(source.path):
        if record.model:
            by_model.setdefault(record.model, {}).setdefault(record.prompt_id, []).append(record)
    if source.model not in by_model:
        models = ", ".join(sorted(by_model))
        raise StudyError(f"responses.model {source.model!r} is in no record; the files hold {models}.")
    if not any(prompt.id in by_model[source.model] for prompt in prompts):
        raise StudyError(f"responses.path: no response of {source.model!r} names one of the study's prompts.")
    agreed: dict[str, list[Response | None]] = {model: [] for model in sorted(by_model)}
    pairs = [(model, prompt) for model in agreed for prompt in prompts]
    for model, prompt in counted(pairs, progress, "labels of recorded answers", len(pairs)):
        agreed[model].append(
            _agreed([label_record(answer, prompt) for answer in by_model[model].get(prompt.id, [])])
        )
    return agreed


def label_record(record: ResponseRecord, prompt: PromptRecord) -> Response:
    """Label one answer; a label already on the record wins over ours and keeps its own source."""
    label = recorded_label(record, prompt=prompt.prompt)
    made = record.model_extra or {}
    # A generated answer repeats the marker by which its template opened the reasoning: it is part of the
    # prompt.
    opening = (record.response_opening or "").removeprefix(made.get("reasoning_opened") or "")
    return Response(
        refusal=label.refusal,
        wording=label.wording,
        label_source=label.source,
        opening=opening if record.response_opening is not None else None,
        missing=label.missing,
        truncated=bool(record.truncated),
        n_tokens=made.get("n_tokens"),
    )


def _agreed(answers: Sequence[Response]) -> Response | None:
    """Return the first answer if all are of one kind and one wording, else one without a label; None
    without any."""
    kinds = {(answer.refusal, answer.wording) for answer in answers}
    if len(kinds) > 1:
        return Response(refusal=None, wording=None, label_source="", missing="its answers differ in kind")
    return answers[0] if answers else None
