"""Labelled rows of records, as they are counted."""

from collections.abc import Mapping

from unsinter.features.labelling.recorded import RecordedLabel
from unsinter.features.records.record import PromptRecord, ResponseRecord
from unsinter.studies.data.group_counts import LabelledRow, Refusal
from unsinter.studies.study.targets import harm_category, topic_of

CELL: Mapping[str, Refusal] = {"refusal": "refusal", "partial_refusal": "partial", "compliance": "compliance"}
"""How a value of R is called in a cell."""


def prompt_row(record: PromptRecord, group: str, own: Mapping[str, str]) -> LabelledRow:
    """Return what is counted of a prompt; ``own`` holds its class by target of the study's own."""
    return LabelledRow(
        group=group,
        harmful=record.harmful,
        category=harm_category(record),
        topic=topic_of(record),
        source=record.source,
        own=own,
    )


def response_row(record: ResponseRecord, label: RecordedLabel, prompt: LabelledRow | None) -> LabelledRow:
    """Return what is counted of a response and of its prompt, where that is known."""
    unknown: Refusal | None = None if record.label is None else "other"
    refusal = CELL[label.refusal] if label.refusal else unknown
    return LabelledRow(
        group=prompt.group if prompt else record.prompt_id,
        harmful=prompt.harmful if prompt else None,
        category=prompt.category if prompt else None,
        topic=prompt.topic if prompt else None,
        source=prompt.source if prompt else record.source,
        model=record.model,
        refusal=refusal,
        # W is defined only where R = refusal; anywhere else a wording would turn W into R.
        wording=(record.wording or label.wording) if refusal == "refusal" else None,
        own=prompt.own if prompt else {},
    )
