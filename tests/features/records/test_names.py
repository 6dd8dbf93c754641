"""Names: what is not seen parts no names, and words for a missing value are no names."""

import math
import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.records.names import clean_name, common_spellings, name_key, says_missing
from unsinter.features.records.record import PromptRecord, RecordError

NO_BREAK, ZERO_WIDTH, EM = "\u00a0", "\u200b", "\u2003"


@pytest.mark.parametrize(
    "written",
    ["cyber crime", " cyber crime", "cyber crime ", f"cyber{NO_BREAK}crime", f"cyber{EM} crime",
     "cyber\tcrime", f"cyber crime{ZERO_WIDTH}", "cyber\r\ncrime", "\ufeffcyber crime"],
)  # fmt: skip
def test_blanks_of_any_kind_and_number_make_no_other_name(written):
    assert clean_name(written) == "cyber crime"
    assert PromptRecord.parse({"id": "a", "prompt": "p", "category": written}).category == "cyber crime"
    assert PromptRecord.parse({"id": "a", "prompt": "p", "source": written}).source == "cyber crime"
    assert PromptRecord.parse({"id": "a", "prompt": "p", "group": written}).group == "cyber crime"


def test_a_letter_and_its_parts_are_one_name():
    whole, parts = "sécurité", unicodedata.normalize("NFD", "sécurité")
    assert whole != parts
    assert clean_name(whole) == clean_name(parts) == whole


@given(st.text())
def test_cleaning_and_keys_change_nothing_the_second_time(text):
    assert clean_name(clean_name(text)) == clean_name(text)
    assert name_key(clean_name(text)) == name_key(text)
    assert name_key(text.upper()) == name_key(name_key(text.upper()))


def test_the_commonest_spelling_stays_and_of_equals_the_first_in_order():
    assert common_spellings(["Fraud", "fraud", "fraud", None, "theft"]) == {
        "Fraud": "fraud", "fraud": "fraud", "theft": "theft",
    }  # fmt: skip
    assert common_spellings(["fraud", "FRAUD"]) == {"fraud": "FRAUD", "FRAUD": "FRAUD"}
    assert common_spellings(["Straße", "STRASSE", "STRASSE"])["Straße"] == "STRASSE"


MISSING = ["nan", "NaN", "NAN", "None", "none", "null", "NULL", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaT",
           " nan ", "-", "", " ", NO_BREAK, None, math.nan, pd.NA, pd.NaT]  # fmt: skip


@pytest.mark.parametrize("value", MISSING, ids=repr)
@pytest.mark.parametrize("field", ["group", "pair_id", "category", "source", "topic", "subcategory"])
def test_a_word_for_a_missing_value_is_no_name_in_any_field(field, value):
    record = PromptRecord.parse({"id": "a", "prompt": "p", field: value})
    assert getattr(record, field) is None
    assert says_missing(value)


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_a_word_for_a_missing_value_is_no_id(value):
    with pytest.raises(RecordError, match="field 'id'"):
        PromptRecord.parse({"id": value, "prompt": "p"})


@pytest.mark.parametrize(
    "name", ["nancy", "nonetheless", "Nantes", "0", "n", "harmless", "harmful", "all", "other"]
)
def test_other_words_are_names(name):
    assert PromptRecord.parse({"id": name, "prompt": "p", "category": name}).category == name
    assert not says_missing(name)


def test_the_word_for_a_missing_value_is_kept_beside_the_field():
    record = PromptRecord.parse({"id": "a", "prompt": "p", "group": "nan", "category": "Uncategorised"})
    assert record.model_extra == {"group_missing_word": "nan", "category_missing_word": "Uncategorised"}


def test_whole_numbers_written_as_fractions_are_the_numbers():
    record = PromptRecord.parse({"id": 3.0, "prompt": "p", "group": 7.0, "pair_id": math.nan, "harmful": 1.0})
    assert (record.id, record.group, record.pair_id, record.harmful) == ("3", "7", None, True)
    with pytest.raises(RecordError, match=r"field 'group': must be text; got 7\.5"):
        PromptRecord.parse({"id": 3, "prompt": "p", "group": 7.5})
