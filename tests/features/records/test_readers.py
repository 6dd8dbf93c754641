"""Readers: every format gives the same records, and every fault of a file is one sentence with its place."""

import csv
import json
import re
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unsinter.features.records.names import clean_name, is_missing_word, says_missing
from unsinter.features.records.readers import detect_kind, read_openings, read_prompts, read_responses
from unsinter.features.records.record import NO_CATEGORY, PromptRecord, RecordError
from unsinter.features.records.several_names import names_held

FIELDS = ("id", "prompt", "harmful", "category", "source", "group")

text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=30
).filter(lambda word: clean_name(word) and names_held(word) is None)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": text.filter(lambda word: not is_missing_word(word)),
            "prompt": text,
            "harmful": st.none() | st.booleans(),
            "category": st.none() | text,
            "source": st.none() | text,
            "group": st.none() | text,
        }
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row["id"],
)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("readers")


def as_names(rows):
    """Return rows whose names are as `clean_name` leaves them, None where they say that there is none."""
    return [
        row | {field: _as_name(row[field], field) for field in ("category", "source", "group")}
        for row in rows
    ]


def _as_name(value, field):
    none = says_missing(value) or (field == "category" and clean_name(value).casefold() in NO_CATEGORY)
    return None if none else clean_name(value)


def as_rows(records):
    return [{field: getattr(record, field) for field in FIELDS} for record in records]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=rows)
def test_every_format_gives_back_the_rows_that_were_written(folder, rows):
    assert as_rows(read_prompts(write_jsonl(folder / "a.jsonl", rows))) == as_names(rows)
    assert as_rows(read_prompts(write_csv(folder / "a.csv", rows))) == as_names(rows)
    assert as_rows(read_prompts(write_parquet(folder / "a.parquet", rows))) == as_names(rows)
    assert as_rows(read_prompts(rows)) == as_names(rows)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".jsonl", ".csv", ".parquet"]))
def test_any_bytes_are_read_or_refused_with_the_name_of_the_file(folder, content, suffix):
    path = folder / f"noise{suffix}"
    path.write_bytes(content)
    try:
        records = read_prompts(path)
    except RecordError as error:
        records, message = [], str(error)
    assert records or (message.startswith(str(path)) and "\n" not in message)


def test_datasets_are_read_from_a_folder_and_from_memory(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [{"id": 1, "prompt": "a", "harmful": 1}, {"id": 2, "prompt": "b", "harmful": None}]
    data = datasets.Dataset.from_list(rows)
    data.save_to_disk(str(tmp_path / "saved"))
    expected = [("1", "a", True), ("2", "b", None)]
    for source in (data, tmp_path / "saved"):
        assert [(r.id, r.prompt, r.harmful) for r in read_prompts(source)] == expected


def test_a_folder_of_several_splits_asks_for_one(tmp_path):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list([{"id": "1", "prompt": "a"}])
    datasets.DatasetDict(train=data, test=data).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(RecordError, match=r"saved: holds the splits test, train; name the folder of one"):
        read_prompts(tmp_path / "saved")
    assert read_prompts(tmp_path / "saved" / "train")[0].id == "1"


def test_a_saved_dataset_without_the_extra_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "state.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(RecordError, match=r"needs the `datasets` extra; run: pip install '\.\[datasets\]'"):
        read_prompts(tmp_path)


def test_a_damaged_dataset_folder_and_a_plain_folder_are_refused(tmp_path):
    with pytest.raises(RecordError, match="is a folder, but not one written by Dataset"):
        read_prompts(tmp_path)
    pytest.importorskip("datasets")
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(RecordError, match="is a damaged dataset folder"):
        read_prompts(tmp_path)


def test_unknown_fields_are_kept_and_a_displaced_field_too():
    row = {"id": "a", "prompt": "p", "category": "theirs", "unified": "ours", "extra": [1, {"deep": None}]}
    record = read_prompts([row], columns={"category": "unified"})[0]
    assert record.category == "ours"
    assert record.model_extra == {"category_in_file": "theirs", "extra": [1, {"deep": None}]}


def test_a_row_without_the_mapped_column_does_not_fall_back_on_the_displaced_field():
    rows = [
        {"id": "a", "prompt": "p", "category": "x", "unified": "y"},
        {"id": "b", "prompt": "p", "category": "x"},
    ]
    assert [r.category for r in read_prompts(rows, columns={"category": "unified"})] == ["y", None]


def test_one_column_may_serve_two_fields():
    record = read_prompts(
        [{"id": "a", "text": "p", "set": "s"}], columns={"prompt": "text", "source": "set", "group": "set"}
    )[0]
    assert (record.prompt, record.source, record.group) == ("p", "s", "s")
    assert record.model_extra == {}


def test_blank_lines_and_a_byte_order_mark_are_tolerated(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "a", "prompt": "p"}\r\n\n  \n{"id": "b", "prompt": "q"}')
    assert [r.id for r in read_prompts(path)] == ["a", "b"]
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfid,prompt,harmful\r\na,p,TRUE\r\n\r\nb,q,0\r\nc,r,\r\n")
    assert [(r.id, r.harmful) for r in read_prompts(path)] == [("a", True), ("b", False), ("c", None)]


def test_several_files_are_read_as_one_and_their_ids_must_differ(tmp_path):
    first = write_jsonl(tmp_path / "one.jsonl", [{"id": "a", "prompt": "p"}])
    second = write_jsonl(tmp_path / "two.jsonl", [{"id": "b", "prompt": "p"}, {"id": "a", "prompt": "q"}])
    with pytest.raises(
        RecordError, match=r"two\.jsonl, row 2, field 'id': 'a' was already given in row 1 of .*one\.jsonl"
    ):
        read_prompts([first, second])
    write_jsonl(second, [{"id": "b", "prompt": "p"}])
    assert [r.id for r in read_prompts([first, second])] == ["a", "b"]


GOOD = b'{"id": "a", "prompt": "p"}\n'

BAD_JSONL = {
    "no prompt": (GOOD + b'{"id": "b"}\n', r"row 2, field 'prompt': is missing; the row has 'id'"),
    "null prompt": (GOOD + b'{"id": "b", "prompt": null}\n', r"row 2, field 'prompt': is empty"),
    "blank prompt": (b'{"id": "b", "prompt": " \\n"}\n', r"row 1, field 'prompt': is blank"),
    "number prompt": (b'{"id": "b", "prompt": 3}\n', r"row 1, field 'prompt': must be text; got 3"),
    "prompt nowhere": (
        b'{"id": "b", "text": "q"}\n',
        r"field 'prompt': no row has this field; map one of id, text",
    ),
    "one id twice": (
        GOOD + b"\n" + GOOD,
        r"row 3, field 'id': 'a' was already given in row 1; make the ids unique",
    ),
    "one id as number and text": (
        b'{"id": 1, "prompt": "p"}\n{"id": "1", "prompt": "p"}\n',
        r"row 2, field 'id': '1'",
    ),
    "empty": (b"", "holds no record"),
    "only blank lines": (b"\n\n", "holds no record"),
    "2 MB line": (
        GOOD + b'{"id": "b", "prompt": "' + b"x" * 2_000_000 + b'"}\n',
        r"row 2: is longer than 1,000,000 bytes",
    ),
    "invalid UTF-8": (GOOD + b'{"id": "\xff"}\n', r"row 2: byte 9 of the line \(0xff\) is not UTF-8"),
    "UTF-16": ('{"id": "a"}'.encode("utf-16"), r"row 1: byte 1 of the line \(0xff\) is not UTF-8"),
    "broken JSON": (GOOD + b'{"id": "b", }\n', r"row 2: is not JSON at column 13"),
    "truncated": (GOOD + b'{"id": "b", "pro', r"row 2: is not JSON at column 13"),
    "a list": (
        b'[{"id": "a", "prompt": "p"}]\n',
        r"row 1: is a JSON list, not an object",
    ),
    "pretty-printed": (b'{\n  "id": "a"\n}\n', r"row 1: is not JSON at column"),
    "NaN": (
        b'{"id": "a", "prompt": "p", "harmful": NaN}\n',
        r"row 1: holds NaN, which is not JSON; use null",
    ),
    "field twice": (b'{"id": "a", "id": "b", "prompt": "p"}\n', r"row 1: gives the field 'id' twice"),
    "nested": (b"[" * 200_000 + b"\n", r"row 1: is nested too deeply"),
    "half surrogate": (
        b'{"id": "a", "prompt": "x\\ud800"}\n',
        r"field 'prompt': holds half of a surrogate pair at character 2",
    ),
    "yes": (
        b'{"id": "a", "prompt": "p", "harmful": "yes"}\n',
        r"field 'harmful': must be true, false or null .*; got 'yes'",
    ),
    "true as text": (
        b'{"id": "a", "prompt": "p", "harmful": "true"}\n',
        r"field 'harmful': must be true, false or null",
    ),
    "harmful 2": (b'{"id": "a", "prompt": "p", "harmful": 2}\n', r"field 'harmful': must be .*; got 2"),
    "category table": (
        b'{"id": "a", "prompt": "p", "category": {"x": "y"}}\n',
        r"field 'category': must be text; got \{'x': 'y'\}",
    ),
    "id true": (b'{"id": true, "prompt": "p"}\n', r"field 'id': must be text; got True"),
    "two faults": (
        b'{"id": 1.5, "prompt": 3}\n',
        r"field 'id': must be text; got 1.5 \(and 1 more bad fields",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD_JSONL.values(), ids=BAD_JSONL.keys())
def test_each_fault_of_a_jsonl_file_is_one_sentence_with_its_place(tmp_path, content, message):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=re.escape(str(path)) + ".*" + message) as caught:
        read_prompts(path)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


BAD_CSV = {
    "yes": (
        b"id,prompt,harmful\na,p,yes\n",
        r"row 2, field 'harmful': must be true, false, 1, 0 or empty; got 'yes'",
    ),
    "ragged": (b"id,prompt\na,p,q\n", r"row 2: has 3 values and the header 2; quote values that hold commas"),
    "no prompt": (b"id,prompt\na,\n", r"row 2, field 'prompt': is empty"),
    "header only": (b"id,prompt\n", "holds no record"),
    "nothing": (b"", "holds no record"),
    "unclosed quote": (
        b'id,prompt\na,"p\n',
        r"row 2: is not CSV \(unexpected end of data\); check its quotes",
    ),
    "huge field": (
        b"id,prompt\na," + b"x" * 200_000 + b"\n",
        r"row 2: is not CSV \(field larger than field limit",
    ),
    "2 MB line": (b"id,prompt\na," + b"x" * 2_000_000 + b"\n", r"row 2: is longer than 1,000,000 bytes"),
    "name twice": (b"id,id\na,b\n", r"row 1: the header names 'id' twice"),
    "no name": (b"id,,prompt\na,b,c\n", r"row 1: column 2 of the header has no name"),
    "latin-1": (b"id,prompt\na,caf\xe9\n", r"row 2: byte 6 of the line \(0xe9\) is not UTF-8"),
}


@pytest.mark.parametrize(("content", "message"), BAD_CSV.values(), ids=BAD_CSV.keys())
def test_each_fault_of_a_csv_file_is_one_sentence_with_its_place(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=re.escape(str(path)) + ".*" + message):
        read_prompts(path)


def test_a_text_of_two_million_characters_is_refused_in_formats_without_lines(tmp_path):
    path = write_parquet(
        tmp_path / "a.parquet", [{"id": "a", "prompt": "p"}, {"id": "b", "prompt": "x" * 2_000_000}]
    )
    message = (
        r"a\.parquet, row 2, field 'prompt': is longer than 1,000,000 characters; .*\(2,000,000 characters\)$"
    )
    with pytest.raises(RecordError, match=message) as caught:
        read_prompts(path)
    assert len(str(caught.value)) < 400


def test_a_truncated_parquet_file_is_refused(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [{"id": "a", "prompt": "p"}])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordError, match=r"a\.parquet: is not a readable Parquet file"):
        read_prompts(path)


def test_unknown_columns_and_fields_of_the_map_list_their_neighbours():
    rows = [{"id": "a", "prompt": "p", "category_unified": "x"}]
    with pytest.raises(RecordError, match=r"no column 'category_unifed'.*did you mean 'category_unified'"):
        read_prompts(rows, columns={"category": "category_unifed"})
    with pytest.raises(
        RecordError, match=r"maps 'categry', which is no field of ours; did you mean 'category'"
    ):
        read_prompts(rows, columns={"categry": "category_unified"})
    with pytest.raises(RecordError, match=r"no column 'zzz'.*known: id, prompt, category_unified"):
        read_prompts(rows, columns={"group": "zzz"})


def test_a_missing_file_an_unknown_suffix_and_a_wrong_type_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.jsonl: no such file"):
        read_prompts(tmp_path / "none.jsonl")
    (tmp_path / "a.xlsx").write_text("x")
    with pytest.raises(RecordError, match=r"a\.xlsx: .*'\.xlsx'.*\.jsonl"):
        read_prompts(tmp_path / "a.xlsx")
    with pytest.raises(TypeError, match="Records are read from a path"):
        read_prompts(3)
    with pytest.raises(RecordError, match="records in memory, row 1: is not a mapping; got 'a'"):
        read_prompts(["a", 3])


def test_a_response_may_be_withheld_but_not_forgotten():
    row = {"id": "r", "prompt_id": 7, "model": "m", "response_opening": None, "label": "compliance"}
    record = read_responses([row])[0]
    assert (record.prompt_id, record.response_opening, record.label) == ("7", None, "compliance")
    with pytest.raises(RecordError, match="field 'prompt_id': no row has this field"):
        read_responses([{"id": "r", "model": "m"}])


@pytest.mark.parametrize("name", ["response", "answer", "completion"])
def test_answers_in_a_column_of_another_name_are_not_left_out_in_silence(tmp_path, name):
    file = tmp_path / "answers.jsonl"
    rows = [{"id": str(n), "prompt_id": str(n), "model": "m", name: "I'm sorry, I can't."} for n in range(2)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(
        RecordError, match=rf"answers.jsonl: .*column '{name}' is not read; call it response_opening"
    ):
        read_responses(file)
    assert len(read_responses(file, columns={"response_opening": name})) == 2
    rows[0]["label"] = "refusal"
    assert len(read_responses(rows)) == 2


def test_records_cannot_be_changed():
    record = PromptRecord.parse({"id": "a", "prompt": "p"})
    with pytest.raises(ValueError, match="frozen"):
        record.prompt = "q"


def test_real_files_are_recognised_and_read_whole(shared_data):
    result = {}
    for path in sorted(shared_data.glob("*.jsonl")):
        kind = detect_kind(path)
        read = {"prompts": read_prompts, "responses": read_responses, "openings": read_openings}[kind]
        result[path.name] = (kind, len(read(path)))
    assert result == {
        "prompts.jsonl": ("prompts", 3156),
        "prompts_noncommercial.jsonl": ("prompts", 1936),
        "prompts_sharealike.jsonl": ("prompts", 774),
        "responses.jsonl": ("responses", 2245),
        "responses_noncommercial.jsonl": ("responses", 4685),
        "wording_gold.jsonl": ("openings", 265),
    }


def test_a_file_of_no_known_kind_lists_its_columns():
    with pytest.raises(
        RecordError, match=r"'prompt': is missing in every row.*the columns are id, text; add"
    ):
        detect_kind([{"id": "a", "text": "p"}])
    assert detect_kind([{"id": "a", "text": "p"}], columns={"prompt": "text"}) == "prompts"


def test_numbers_of_other_libraries_are_the_numbers_they_say():
    rows = [
        {"id": np.int64(1), "prompt": "p", "harmful": np.True_, "group": np.float64(3)},
        {"id": Decimal("2.0"), "prompt": "q", "harmful": Decimal(0), "group": Decimal("3")},
    ]
    read = read_prompts(rows)
    assert [(r.id, r.harmful, r.group) for r in read] == [("1", True, "3"), ("2", False, "3")]


@pytest.mark.parametrize(
    ("source", "way"),
    [
        (pd.DataFrame({"id": ["a"]}), "DataFrame of pandas give frame.to_dict"),
        (pa.table({"id": ["a"]}), "Table of Arrow give table.to_pylist"),
        ({"train": [], "test": []}, "dict give one of its values: train, test"),
    ],
)
def test_a_table_in_memory_is_refused_with_the_way_to_give_it(source, way):
    with pytest.raises(TypeError, match=way):
        read_prompts(source)


def test_a_prompt_of_invisible_signs_alone_is_blank():
    with pytest.raises(RecordError, match="field 'prompt': is blank"):
        read_prompts([{"id": "a", "prompt": "\u200b\ufeff"}])


def test_a_path_that_the_system_refuses_is_one_sentence():
    with pytest.raises(RecordError, match="cannot be read"):
        read_prompts("x" * 5_000)
