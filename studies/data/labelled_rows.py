"""Labelled rows of records, as they are counted."""

from collections.abc import Mapping

from unsinter.features.labelling.recorded import RecordedLabel
from unsinter.features.records.record import PromptRecord, ResponseRecord
from unsinter.studies.data.group_counts import Answered, LabelledRow
from unsinter.studies.data.targets import Response
from unsinter.studies.study.built_in_targets import BUILT_IN, TOPIC, topic_of
from unsinter.studies.study.target_definition import Answer


def prompt_row(record: PromptRecord, group: str, own: Mapping[str, str]) -> LabelledRow:
    """Return what is counted of a prompt; ``own`` holds its class by target of the study's own."""
    return LabelledRow(group=group, source=record.source, labels={**own, **_labels(record, None)})


def response_row(
    record: ResponseRecord, label: RecordedLabel, known_prompt: tuple[PromptRecord, LabelledRow] | None
) -> LabelledRow:
    """Return what is counted of a response and of the prompt that it answers, where that and its row are
    known."""
    unknown: Answered | None = None if record.label is None else "other"
    answer = Response(
        refusal=label.refusal, wording=record.wording or label.wording, label_source=label.source
    )
    # Nothing but its id is known of a prompt that no file holds.
    lone = PromptRecord(id=record.prompt_id, prompt=record.prompt_id), None
    prompt, row = known_prompt or lone
    return LabelledRow(
        group=row.group if row else record.prompt_id,
        source=row.source if row else record.source,
        model=record.model,
        refusal=label.refusal or unknown,
        labels={**(row.labels if row else {}), **_labels(prompt, answer)},
    )


def _labels(prompt: PromptRecord, answer: Answer | None) -> dict[str, str]:
    """Return the class of every built-in target that is defined here, and the topic."""
    labels = {name: target.label(prompt, answer) for name, target in BUILT_IN.items() if target.label}
    return {name: label for name, label in {**labels, TOPIC: topic_of(prompt)}.items() if label}
