"""Column maps that say what values mean, fields of several names, and what is declared of a whole file."""

import json

import numpy as np
import pytest

from unsinter.features.records.columns import Column, read_columns
from unsinter.features.records.readers import read_prompts
from unsinter.features.records.record import RecordError
from unsinter.features.records.several_names import names_held

LABEL = {"field": "label", True: ["unsafe", "toxic"], False: ["safe"]}


def rows(*labels):
    return [{"id": f"r{i}", "prompt": "p", "label": label} for i, label in enumerate(labels)]


def harm(records):
    return [record.harmful for record in records]


def test_listed_values_become_true_and_false_and_missing_ones_nothing():
    read = read_prompts(rows("unsafe", "safe", "toxic", None, "nan", ""), columns={"harmful": LABEL})
    assert harm(read) == [True, False, True, None, None, None]
    assert all("label" not in (record.model_extra or {}) for record in read)


def test_values_in_neither_list_are_named_counted_and_refused_in_one_sentence():
    labels = ["unsafe", *["maybe"] * 3, "safe", "unclear"]
    with pytest.raises(RecordError) as caught:
        read_prompts(rows(*labels), columns={"harmful": LABEL})
    message = str(caught.value)
    assert "'maybe' (3), 'unclear' (1)" in message
    assert "columns.harmful.true or .false" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("true", "false", "values"),
    [([1], [0], [1, 0]), (["1"], ["0"], [1, 0]), ([1], [0], ["1", "0"]), ([True], [False], [True, False]),
     ([True], [False], ["yes", "no"]), ([3, 4], [1, 2], [4.0, 2.0]), (["Bad"], ["SAFE "], ["bad", "Safe"]),
     (["yes"], ["no"], [True, False])],
)  # fmt: skip
def test_values_are_compared_by_what_they_say(true, false, values):
    columns = {"harmful": {"field": "label", "true": true, "false": false}}
    assert harm(read_prompts(rows(*values), columns=columns)) == [True, False]


def test_a_column_may_be_read_backwards_where_the_map_says_so():
    columns = {"harmful": {"field": "is_safe", "true": [False], "false": [True]}}
    data = [{"id": "a", "prompt": "p", "is_safe": False}, {"id": "b", "prompt": "p", "is_safe": True}]
    assert harm(read_prompts(data, columns=columns)) == [True, False]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"field": "x", "true": ["a"]}, "give both lists"),
        ({"field": "x", "true": ["a"], "false": ["A "]}, "'a' stands among true and false"),
        ({"field": "x", "tru": ["a"]}, r"columns\.harmful\.tru: Extra inputs"),
        ({"true": ["a"], "false": ["b"]}, r"columns\.harmful\.field: Field required"),
    ],
)
def test_a_map_that_cannot_be_used_is_named(column, message):
    with pytest.raises(RecordError, match=message):
        read_columns({"harmful": column})


def test_only_fields_that_are_true_or_false_take_such_lists():
    with pytest.raises(RecordError, match=r"columns\.category: only harmful and truncated are true or false"):
        read_columns({"category": {"field": "x", "true": ["a"], "false": ["b"]}})


def test_a_map_is_written_as_it_was_read():
    assert Column(field="x").model_dump() == "x"
    table = {"field": "x", "true": ["a"], "false": ["b"]}
    assert Column.model_validate(table).model_dump() == table
    assert Column.model_validate(Column.model_validate(table).model_dump()).is_false == ("b",)


def beavertails(*values):
    names = ("theft", "privacy", "violence")
    return [
        {"id": f"r{i}", "prompt": "p", "category": {name: name in own for name in names}}
        for i, own in enumerate(values)
    ]


def test_one_name_of_a_table_or_list_is_the_category_and_none_is_none():
    assert [r.category for r in read_prompts(beavertails({"privacy"}, set()))] == ["privacy", None]
    lists = [{"id": "a", "prompt": "p", "category": ["theft"]}, {"id": "b", "prompt": "p", "category": []}]
    assert [r.category for r in read_prompts(lists)] == ["theft", None]
    twice = [{"id": "a", "prompt": "p", "category": ["theft", "Theft ", None]}]
    assert [r.category for r in read_prompts(twice)] == ["theft"]


def test_several_names_are_refused_with_their_count_and_the_way_to_choose():
    data = beavertails({"privacy"}, {"theft", "violence"}, {"theft", "privacy"})
    with pytest.raises(RecordError) as caught:
        read_prompts(data)
    message = str(caught.value)
    assert "row 2, field 'category': 2 rows hold several names (here theft, violence)" in message
    assert "columns: {category: {field: category, several: [first choice, second choice]}}" in message
    assert "\n" not in message


def test_the_map_chooses_one_of_several_names_or_none():
    data = beavertails({"privacy"}, {"theft", "violence"}, {"theft", "privacy"})
    first = {"category": {"field": "category", "several": ["violence", "privacy"]}}
    assert [r.category for r in read_prompts(data, columns=first)] == ["privacy", "violence", "privacy"]
    missing = {"category": {"field": "category", "several": "missing"}}
    assert [r.category for r in read_prompts(data, columns=missing)] == ["privacy", None, None]
    with pytest.raises(RecordError, match="1 rows hold several names and none that the map lists"):
        read_prompts(data, columns={"category": {"field": "category", "several": ["privacy"]}})


SEPARATED = [
    {"id": "a", "prompt": "one", "harmful": True, "category": "theft; fraud"},
    {"id": "b", "prompt": "two", "harmful": True, "category": "Fraud"},
    {"id": "c", "prompt": "three", "harmful": True, "category": " ; n/a;"},
]


def test_names_in_one_text_are_cut_at_the_separator_that_the_map_names_and_at_no_other_sign():
    chosen = {"category": {"field": "category", "separator": ";", "several": ["fraud"]}}
    assert [row.category for row in read_prompts(SEPARATED, columns=chosen)] == ["fraud", "Fraud", None]
    with pytest.raises(RecordError, match=r"several names \(here theft, fraud\).*separator: ';', several"):
        read_prompts(SEPARATED, columns={"category": {"field": "category", "separator": ";"}})
    assert read_prompts(SEPARATED[:1])[0].category == "theft; fraud"
    by_bar = {"category": {"field": "category", "separator": "|"}}
    assert [row.category for row in read_prompts(SEPARATED[:2], columns=by_bar)] == ["theft; fraud", "Fraud"]
    with pytest.raises(RecordError, match="a separator of blanks would cut names of several words"):
        read_columns({"category": {"field": "category", "separator": " "}})


@pytest.mark.parametrize(
    "value", [{"theft": "yes"}, {"theft": 2}, [1, 2], {"theft": {"x": True}}, "theft", 3]
)
def test_other_tables_and_lists_hold_no_names(value):
    assert names_held(value) is None


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ('["theft"]', ["theft"]), ("['theft', 'fraud']", ["theft", "fraud"]), ("[]", []), ("{}", []),
        ("{'theft': True, 'fraud': False}", ["theft"]), ('{"theft": true}', ["theft"]),
        ({"b", "a"}, ["a", "b"]),
        ([("theft", True), ("fraud", False)], ["theft"]), (np.array(["theft"], dtype=object), ["theft"]),
        ("[sic]", None), ("(unsure)", None), ("theft, fraud", None), ("[" * 1_500 + "]" * 400, None),
    ],
)  # fmt: skip
def test_names_are_read_from_texts_sets_maps_and_arrays_too(value, names):
    assert names_held(value) == names


def test_several_categories_in_a_csv_file_are_refused_with_the_way_to_choose(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,prompt,category\na,p,\"['theft', 'fraud']\"\nb,q,\"['theft']\"\n", encoding="utf-8")
    with pytest.raises(RecordError, match=r"row 2, field 'category': 1 rows hold several names"):
        read_prompts(path)
    chosen = {"category": {"field": "category", "several": ["fraud"]}}
    assert [r.category for r in read_prompts(path, columns=chosen)] == ["fraud", "theft"]


@pytest.mark.parametrize("written", [" harmful ", "Harmful", "HARMFUL", "harm\u200bful"])
def test_a_column_named_as_ours_but_for_case_or_blanks_is_never_passed_over(tmp_path, written):
    path = tmp_path / "x.csv"
    path.write_text(f"id,prompt,{written}\na,p,true\n", encoding="utf-8")
    with pytest.raises(RecordError, match=r"field 'harmful': the column .* by case or blanks alone"):
        read_prompts(path)
    assert [r.harmful for r in read_prompts(path, columns={"harmful": written})] == [True]


def test_a_file_without_the_column_is_declared_all_harmful_or_all_harmless():
    data = [{"id": "a", "prompt": "p"}, {"id": "b", "prompt": "q", "harmful": None}]
    for label in (True, False):
        assert harm(read_prompts(data, declared={"harmful": label})) == [label, label]


def test_a_row_that_says_otherwise_than_what_was_declared_is_named():
    data = [{"id": "a", "prompt": "p", "harmful": 1}, {"id": "b", "prompt": "q", "harmful": False}]
    with pytest.raises(
        RecordError, match=r"row 2, field 'harmful': is False, and the file was declared True"
    ):
        read_prompts(data, declared={"harmful": True})


def test_maps_of_values_work_on_a_csv_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,label\n1,p,1\n2,q,0\n3,r,\n", encoding="utf-8")
    columns = {"prompt": "text", "harmful": {"field": "label", "true": [0], "false": [1]}}
    assert harm(read_prompts(path, columns=columns)) == [False, True, None]


def test_words_of_harm_in_a_csv_file_are_read_and_others_show_the_way(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,prompt,harmful\n1,p,harmful\n2,q,unharmful\n3,r,NA\n4,s,1.0\n", encoding="utf-8")
    assert harm(read_prompts(path)) == [True, False, None, True]
    path.write_text("id,prompt,harmful\n1,p,unsafe\n", encoding="utf-8")
    way = r"columns: {harmful: {field: harmful, true: \[...\], false: \[...\]}}"
    with pytest.raises(RecordError, match="got 'unsafe'; say what words mean with " + way):
        read_prompts(path)


def test_json_lines_of_beavertails_are_read(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in beavertails({"theft"})), encoding="utf-8")
    assert read_prompts(path)[0].category == "theft"
