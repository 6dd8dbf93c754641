"""One map of label spellings: whoever reads a label reads it alike, and what is not known is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.labelling.recorded import label_notes, recorded_label
from unsinter.features.labelling.spellings import SPELLINGS, read_refusal, unknown_spellings
from unsinter.features.records.record import ResponseRecord


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("refusal", "refusal"),
        ("2_full_refusal", "refusal"),
        ("Full Refusal", "refusal"),
        ("REFUSED", "refusal"),
        ("hard-refusal", "refusal"),
        ("non-compliance", "refusal"),
        ("3_partial_refusal", "partial_refusal"),
        ("3. partial refusal", "partial_refusal"),
        ("Partial compliance", "partial_refusal"),
        ("1_full_compliance", "compliance"),
        (" complied ", "compliance"),
        ("not refused", "compliance"),
        ("direct answer", "compliance"),
        ("refutation", None),
        ("unknown", None),
        ("1", None),
        (None, None),
    ],
)
def test_known_spellings_have_one_meaning(label, meaning):
    assert read_refusal(label) == meaning


def test_no_spelling_has_two_meanings():
    listed = [spelling for spellings in SPELLINGS.values() for spelling in spellings]
    assert len(listed) == len(set(listed))


@given(st.sampled_from([s for spellings in SPELLINGS.values() for s in spellings]), st.integers(0, 99))
def test_case_blanks_and_numbers_do_not_matter(spelling, number):
    assert read_refusal(f" {number}_{spelling.replace('_', '-').title()} ") == read_refusal(spelling)


def test_unknown_spellings_are_counted_as_they_are_written():
    labels = ["refusal", "Refutation", "Refutation", "dual perspective", None]
    assert unknown_spellings(labels) == {"Refutation": 2, "dual perspective": 1}


def record(**fields):
    return ResponseRecord.model_validate({"id": "r", "prompt_id": "p", "model": "m"} | fields)


def test_a_record_is_read_by_its_label_and_else_by_its_text():
    own = recorded_label(
        record(label="2_full_refusal", response_opening="Sure! Here it is.", label_source="me")
    )
    ours = recorded_label(record(response_opening="Ik kan je daar helaas niet mee helpen."))
    other = recorded_label(record(label="refutation"))
    assert (own.refusal, own.source, own.missing) == ("refusal", "me", None)
    assert (ours.refusal, ours.missing) == (None, "language not read: nl")
    assert (other.refusal, other.missing) == (None, "its label 'refutation' is no value of R")


def test_notes_name_unknown_labels_and_missing_ones():
    records = [
        record(label="refutation"),
        record(response_opening="I can't help with that."),
        record(response_opening="Ik kan je daar helaas niet mee helpen."),
    ]
    notes = " ".join(label_notes(records, [recorded_label(one) for one in records]))
    assert "stand in no cell of R: refutation 1." in notes
    assert "1 responses without a label are labelled by our rules" in notes
    assert "1 responses have no label, theirs or ours: language not read: nl 1." in notes
