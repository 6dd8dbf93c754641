"""R of a response record, read alike by whoever counts or uses it: the file's label, else ours."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unsinter.features.labelling.label import answer_language, label_response
from unsinter.features.labelling.rules import find_moves, wording_of
from unsinter.features.labelling.spellings import Refusal, read_refusal, unknown_spellings
from unsinter.features.records.record import ResponseRecord, abbreviate


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLabel:
    """What a record says of R and W.

    Attributes
    ----------
    wording : style of a refusal by our rules; None where its text is not known.
    source : who labelled; for ours the provenance.
    missing : why there is no value of R; None where there is one.
    """

    refusal: Refusal | None
    wording: str | None
    source: str
    missing: str | None


def recorded_label(record: ResponseRecord, *, prompt: str | None = None) -> RecordedLabel:
    """Return R of one record; a label that the file carries wins over ours and keeps its own source."""
    if record.label is None:
        ours = label_response(record.response_opening, prompt=prompt, truncated=record.truncated)
        return RecordedLabel(
            refusal=ours.refusal,
            wording=ours.wording,
            source=_in_words(ours.provenance),
            missing=ours.provenance.get("missing"),
        )
    refusal = read_refusal(record.label)
    opening = record.response_opening
    return RecordedLabel(
        refusal=refusal,
        wording=_wording(opening) if opening and refusal == "refusal" else None,
        source=record.label_source or "unnamed",
        missing=None if refusal else f"its label {abbreviate(record.label)} is no value of R",
    )


def label_notes(records: Sequence[ResponseRecord], labels: Sequence[RecordedLabel]) -> list[str]:
    """Say in sentences which spellings of labels are unknown, how many labels are ours, and why some are
    missing."""
    notes = []
    if others := unknown_spellings(record.label for record in records):
        listed = ", ".join(f"{name} {count:,}" for name, count in others.items())
        notes.append(f"Labels that are neither a refusal nor an answer stand in no cell of R: {listed}.")
    ours = [label for record, label in zip(records, labels, strict=True) if record.label is None]
    reasons = Counter(label.missing for label in ours if label.missing is not None)
    if n_read := len(ours) - reasons.total():
        notes.append(f"{n_read:,} responses without a label are labelled by our rules, as a run does.")
    if reasons.keys() - {"no text"}:
        listed = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        notes.append(f"{reasons.total():,} responses have no label, theirs or ours: {listed}.")
    return notes


def _wording(opening: str) -> str | None:
    language = answer_language(opening)
    return None if language is None else wording_of(opening, find_moves(opening, language=language))


def _in_words(provenance: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(provenance.items()))
