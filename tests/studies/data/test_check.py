"""check: planted cells give the answers they must, and the real files give the published counts."""

import json
import random

import numpy as np
import pytest

from unsinter.features.records.readers import read_prompts, read_responses
from unsinter.features.records.record import PromptRecord, RecordError
from unsinter.studies.cli.tables.check import check_tables, question_table
from unsinter.studies.data.check import check_data, check_records
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.group_counts import LabelledRow, count_groups
from unsinter.studies.data.labelled_rows import prompt_row
from unsinter.studies.data.questions import value_of
from unsinter.studies.study.built_in_targets import BUILT_IN, TOPIC

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def words(number):
    """Text that no other number resembles."""
    rng = random.Random(number)
    return " ".join("".join(rng.choices(LETTERS, k=7)) for _ in range(5))


def plant(cells):
    """Build prompts and responses from {(harmful, label): (count, extra prompt fields, wording)}."""
    prompts, responses = [], []
    for (harmful, label), (count, fields, wording) in cells.items():
        for _ in range(count):
            n = len(prompts)
            prompts.append(
                {"id": f"p{n}", "prompt": words(n), "harmful": harmful, "source": "planted", **fields}
            )
            style = wording[n % len(wording)] if wording else None
            responses.append(
                {"id": f"r{n}", "prompt_id": f"p{n}", "model": "m", "label": label, "wording": style}
            )
    return prompts, responses


def answers(report, model=None):
    return {q.name: (q.answerable, q.reason) for q in report.questions if q.model == model}


FULL = {
    (True, "refusal"): (120, {"category": "a"}, ["curt", "kind"]),
    (True, "compliance"): (30, {"category": "b"}, None),
    (False, "refusal"): (60, {}, ["curt", "kind"]),
    (False, "compliance"): (30, {}, None),
}


def test_full_cells_answer_every_question_they_should():
    prompts, responses = plant(FULL)
    report = check_data([prompts], responses=[responses])
    result = answers(report) | answers(report, "m")
    assert {name for name, (answerable, _) in result.items() if answerable} == {
        "D", "C", "category transfer", "R", "W", "(D, R)", "(D, W)",
    }  # fmt: skip
    assert result["(D, R)"][1] == (
        "harmful-and-refused 120, harmful-and-answered 30, "
        "harmless-and-refused 60, harmless-and-answered 30 groups"
    )


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ((True, "compliance"), "harmful-and-answered has 29 groups, needs 30"),
        ((False, "refusal"), "harmless-and-refused has 29 groups, needs 30"),
        ((False, "compliance"), "harmless-and-answered has 29 groups, needs 30"),
    ],
)
def test_one_group_too_few_in_one_cell_is_named(cell, reason):
    _, fields, wording = FULL[cell]
    prompts, responses = plant(FULL | {cell: (29, fields, wording)})
    result = answers(check_data([prompts], responses=[responses]), "m")
    assert result["(D, R)"] == (False, reason)


def test_near_copies_do_not_fill_a_cell():
    prompts, responses = plant(FULL | {(True, "compliance"): (1, {"category": "b"}, None)})
    original = next(
        p for p, r in zip(prompts, responses, strict=True) if p["harmful"] and r["label"] == "compliance"
    )
    for n in range(50):
        prompts.append({**original, "id": f"copy{n}", "prompt": original["prompt"] + "!" * n})
        responses.append({"id": f"copied{n}", "prompt_id": f"copy{n}", "model": "m", "label": "compliance"})
    report = check_data([prompts], responses=[responses])
    assert answers(report, "m")["(D, R)"] == (False, "harmful-and-answered has 1 group, needs 30")
    assert report.grouping.n_copies == 50


def test_partial_refusals_stand_in_no_cell_and_are_mentioned():
    prompts, responses = plant(
        FULL | {(True, "compliance"): (2, {}, None), (True, "partial_refusal"): (40, {}, None)}
    )
    answerable, reason = answers(check_data([prompts], responses=[responses]), "m")["(D, R)"]
    assert not answerable
    assert (
        reason
        == "harmful-and-answered has 2 groups, needs 30; partial refusals are in neither cell: harmful 40"
    )


def test_of_answers_without_a_label_it_is_not_said_that_nothing_was_refused():
    prompts = [{"id": f"p{i}", "prompt": f"text {i} of {i * i}", "harmful": i % 2 == 0} for i in range(80)]
    bare = [{"id": f"r{i}", "prompt_id": f"p{i}", "model": "m"} for i in range(80)]
    replies = answers(check_data([prompts], responses=[bare]), "m")
    unknown = "no answer is labelled, and none has a text that our rules can label"
    assert {replies[name] for name in ("R", "W", "(D, R)", "(D, W)", "(C, W)")} == {(False, unknown)}
    texts = [
        "I'm sorry, but I can't help with that.",
        "Sure, here is how you can do it: first, open the lid.",
    ]
    read = [record | {"response_opening": texts[i % 2]} for i, record in enumerate(bare)]
    replies = answers(check_data([prompts], responses=[read]), "m")
    assert replies["R"] == (True, "refused 40, answered 40 groups")  # labelled by the rules, as a run does


def test_a_wording_on_an_answer_is_no_wording():
    prompts, responses = plant({(True, "compliance"): (80, {}, ["curt", "kind"])})
    report = check_data([prompts], responses=[responses])
    assert answers(report, "m")["W"] == (False, "nothing was refused")
    assert all(row.label("W") is None for row in report.responses)


def test_two_wordings_by_two_categories_need_all_four_cells():
    cells = {
        (True, "refusal"): (80, {"category": "a"}, ["curt", "kind"]),
        (True, "Full refusal"): (80, {"category": "b"}, ["curt", "kind"]),
    }
    prompts, responses = plant(cells)
    assert answers(check_data([prompts], responses=[responses]), "m")["(C, W)"][0]
    prompts, responses = plant(cells | {(True, "Full refusal"): (80, {"category": "b"}, ["curt"])})
    answerable, reason = answers(check_data([prompts], responses=[responses]), "m")["(C, W)"]
    assert not answerable
    assert "no two-by-two table is full" in reason
    assert "has 0 groups" in reason


def test_a_category_that_says_there_is_none_is_masked():
    cells = {
        (True, "refusal"): (40, {"category": "a"}, None),
        (True, "compliance"): (40, {"category": "Uncategorised"}, None),
    }
    prompts, _ = plant(cells)
    report = check_data([prompts])
    assert answers(report)["C"] == (False, "with 30 groups or more: a 40")
    assert ("harmful prompts: category", 40, 80) in report.missing
    assert any("Uncategorised 40" in note for note in report.notes)


@pytest.mark.parametrize(
    ("joined", "is_named"),
    [("fraud;theft", True), ("Theft | fraud", True), ("fraud, arson", False), ("theft", False)],
)
def test_a_category_that_joins_names_of_others_is_named_with_the_way_to_split_it(joined, is_named):
    kinds = {name: (5, {"category": name}, None) for name in ("theft", "fraud")}
    kinds[joined] = (7, {"category": joined}, None)
    prompts = [plant({(True, "refusal"): cell})[0] for cell in kinds.values()]
    for n, row in enumerate(rows := [row for part in prompts for row in part]):
        row |= {"id": f"p{n}", "prompt": words(n)}
    notes = [note for note in check_data([rows]).notes if "joins names" in note]
    assert len(notes) == is_named
    for note in notes:
        assert note.startswith(f"The category {joined!r} (7 prompts)")
        assert f"separator: {joined.strip('TFheftraud ')!r}" in note


def test_leaving_a_source_out_needs_both_classes_in_it_and_outside():
    def planted(harmless_here):
        here, _ = plant({(True, "refusal"): (40, {}, None), (False, "compliance"): (harmless_here, {}, None)})
        there = [
            {**row, "id": f"t{row['id']}", "prompt": words(500 + n), "source": "other"}
            for n, row in enumerate(here)
        ]
        return answers(check_data([here + there]))["D across sources"]

    alone, _ = plant({(True, "refusal"): (40, {}, None), (False, "compliance"): (40, {}, None)})
    little = [
        {**row, "id": f"t{row['id']}", "prompt": words(900 + n), "source": "other"}
        for n, row in enumerate(alone)
    ]
    assert answers(check_data([alone + little[:60]]))["D across sources"][0] is False
    assert planted(40) == (True, "can be left out: other, planted")
    assert planted(20)[0] is False
    answerable, reason = planted(0)
    assert (answerable, reason.split("; ")[1]) == (False, "2 of 2 sources hold one class only")


def test_responses_to_unknown_prompts_are_counted_and_listed():
    prompts, responses = plant({(True, "refusal"): (40, {}, None)})
    report = check_data([prompts[:33]], responses=[responses])
    note = "7 responses name a prompt that no file holds (such as p33, p34, p35, p36, p37)"
    assert any(result.startswith(note) for result in report.notes)
    assert sum(row.label("D") is None for row in report.responses) == 7


def test_responses_alone_answer_only_what_needs_no_prompt():
    _, responses = plant(FULL)
    report = check_data([responses])
    result = answers(report, "m")
    assert result["R"] == (True, "refused 180, answered 60 groups")
    assert result["(D, R)"] == (False, "D is unknown: no prompt with a label is given")
    assert report.grouping is None
    assert any("Without the prompts" in note for note in report.notes)


def test_labels_of_another_scheme_are_counted_as_neither():
    prompts, responses = plant({(True, "refutation"): (40, {}, None), (True, "refusal"): (40, {}, None)})
    report = check_data([prompts], responses=[responses])
    assert answers(report, "m")["R"] == (False, "answered has 0 groups, needs 30; 40 partial or otherwise")
    assert any("refutation 40" in note for note in report.notes)


def test_each_kind_of_file_takes_its_part_of_the_column_map():
    prompts, responses = plant(FULL)
    for row in prompts:
        row["topic_of_harm"] = row.pop("category", None)
    for row in responses:
        row["style"] = row.pop("wording")
    columns = {"category": "topic_of_harm", "wording": "style"}
    report = check_data([prompts], responses=[responses], columns=columns)
    assert answers(report)["C"][0]
    assert answers(report, "m")["W"][0]


def test_a_bad_column_map_is_refused_in_words():
    prompts, responses = plant(FULL)
    with pytest.raises(RecordError, match=r"columns maps 'categry', which is no field of ours; use category"):
        check_data([prompts], columns={"categry": "x"})
    with pytest.raises(RecordError, match=r"maps 'group', which only prompts have; add such a file"):
        check_data([responses], columns={"group": "x"})
    with pytest.raises(RecordError, match=r"no column 'catgory' .*did you mean 'category'"):
        check_data([prompts], columns={"category": "catgory"})


def test_the_same_id_in_two_files_is_refused_with_both_names(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": "a", "prompt": "p"}) + "\n")
    with pytest.raises(RecordError, match=r"two\.jsonl, field 'id': 'a' is in .*one\.jsonl too"):
        check_data([tmp_path / "one.jsonl", tmp_path / "two.jsonl"])


def test_a_file_given_as_responses_that_holds_prompts_is_refused():
    prompts, _ = plant(FULL)
    with pytest.raises(RecordError, match="field 'prompt_id': no row has this field"):
        check_data([prompts], responses=[prompts])


def test_one_path_needs_no_list_and_no_path_is_refused(tmp_path):
    (tmp_path / "one.jsonl").write_text(json.dumps({"id": "a", "prompt": "p"}) + "\n")
    assert check_data(tmp_path / "one.jsonl").files == ((str(tmp_path / "one.jsonl"), "prompts", 1),)
    with pytest.raises(RecordError, match="No file is given"):
        check_data([])


def test_a_group_counts_once_in_each_cell_it_reaches():
    rows = [
        LabelledRow(group="g", labels={"x": "a"}),
        LabelledRow(group="g", labels={"x": "a"}),
        LabelledRow(group="g", labels={"x": "b"}),
    ]
    assert count_groups([*rows, LabelledRow(group="h")], lambda row: row.label("x")) == {"a": 1, "b": 1}


def test_tables_hold_text_of_the_width_of_their_header():
    prompts, responses = plant(FULL)
    for row, n in zip(prompts, range(200), strict=False):
        row["category"] = f"c{n}"
    tables = check_tables(check_data([prompts], responses=[responses]))
    assert tables[-1] == question_table(check_data([prompts], responses=[responses]))
    for title, header, rows in tables:
        assert rows, title
        assert all(len(row) == len(header) and all(isinstance(cell, str) for cell in row) for row in rows)
        assert len(rows) <= 61


MAP = {"category": "category_unified", "group": "split_group", "wording": "wording_coarse"}

# Published counts of records: (safe fully refused, partly), (unsafe fully answered, partly).
XSTEST = {
    "gpt-4": ((16, 5), (1, 4)),
    "llama-2-chat/no-system-prompt": ((35, 39), (0, 5)),
    "llama-2-chat/original-system-prompt": ((95, 54), (0, 1)),
    "mistral-instruct/guardrail-prompt": ((24, 23), (7, 18)),
    "mistral-instruct": ((2, 2), (128, 25)),
}


@pytest.fixture(scope="module")
def xstest(shared_data):
    return check_data(
        [shared_data / "prompts.jsonl"], responses=[shared_data / "responses.jsonl"], columns=MAP
    )


def test_xstest_gives_the_published_off_diagonal_cells(xstest):
    # One of the 450 prompts was taken out of these data (449 rows a model); it stands in no published cell.
    for model, (refused, answered) in XSTEST.items():
        cells = [(row.label("D"), row.refusal) for row in xstest.responses if row.model == model]
        assert len(cells) == 449
        refusals, answers = (
            tuple(cells.count((harm, label)) for label in (whole, "partial_refusal"))
            for harm, whole in (("harmless", "refusal"), ("harmful", "compliance"))
        )
        assert (refusals, answers) == (refused, answered)


def test_no_model_of_xstest_can_tell_harm_from_refusing(xstest):
    result = {q.model: q for q in xstest.questions if q.name == "(D, R)"}
    assert result.keys() == XSTEST.keys()
    assert not any(question.answerable for question in result.values())
    assert result["gpt-4"].reason.startswith(
        "harmful-and-answered has 1 group, needs 30; harmless-and-refused has 16 groups, needs 30"
    )


def test_category_and_source_are_tied_as_the_makers_measured(shared_data):
    paths = sorted(shared_data.glob("prompts*.jsonl"))
    report = check_data(paths, columns={"category": "category_unified", "group": "split_group"})
    value = next(a.value for a in report.associations if a.pair == "category, source")
    assert value == pytest.approx(0.42, abs=0.02)
    assert "copyright (harmbench)" in answers(report)["C"][1]


def test_every_real_file_is_checked_alone(shared_data):
    kinds = {}
    for path in sorted(shared_data.glob("*.jsonl")):
        report = check_data([path])
        kinds[path.name] = report.files[0][1]
        assert check_tables(report)
    assert sorted(kinds.values()) == ["openings", "prompts", "prompts", "prompts", "responses", "responses"]


def test_openings_say_what_they_are_for(shared_data):
    report = check_data([shared_data / "wording_gold.jsonl"])
    assert report.questions == ()
    assert report.notes[0].startswith("265 openings with gold wording stand without prompt or model")


@pytest.mark.parametrize("harmful", [True, False, None])
@pytest.mark.parametrize("category", ["chem", None])
@pytest.mark.parametrize("topic", ["tools", None])
def test_check_counts_a_prompt_in_the_class_that_a_run_gives_it(harmful, category, topic):
    record = PromptRecord(id="a", prompt="x", harmful=harmful, category=category, topic=topic)
    row = prompt_row(record, "a", {})
    assert value_of("C")(row) == BUILT_IN["C"].label(record, None)
    assert value_of("D")(row) == BUILT_IN["D"].label(record, None)
    dataset = Dataset(prompts=(record,), ids=np.array(["a"]), groups=np.array(["a"]), split=None)
    assert [value_of(TOPIC)(row) or ""] == dataset.topics.tolist()


def planted_questions(tmp_path, records):
    path = tmp_path / "prompts.jsonl"
    lines = [json.dumps({"id": f"p{n}", "prompt": words(n)} | record) for n, record in enumerate(records)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {question.name: question.answerable for question in check_data([path]).questions}


def test_categories_of_prompts_that_nobody_called_harmful_are_no_classes_of_harm(tmp_path):
    records = [{"category": name} for name in ("chem", "cyber") for _ in range(40)]
    assert not planted_questions(tmp_path, records)["C"]
    assert planted_questions(tmp_path, [record | {"harmful": True} for record in records])["C"]


def test_a_topic_stands_for_the_category_of_a_harmless_prompt(tmp_path):
    sides = ({"harmful": True, "category": "{}"}, {"harmful": False, "topic": "{}"})
    records = [
        {key: value.format(name) if isinstance(value, str) else value for key, value in side.items()}
        for name in ("chem", "cyber")
        for side in sides
        for _ in range(40)
    ]
    assert planted_questions(tmp_path, records)["(D, topic)"]


def test_the_table_of_answers_uses_the_words_of_the_report_for_every_label():
    labels = ("refusal", "partial_refusal", "compliance", "disclaimer_help")
    prompts = [{"id": str(i), "prompt": f"prompt {i}", "harmful": True} for i in range(4)]
    responses = [
        {"id": str(i), "prompt_id": str(i), "model": "m", "label": label} for i, label in enumerate(labels)
    ]
    report = check_records(read_prompts(prompts), read_responses(responses))
    (rows,) = (rows for title, _, rows in check_tables(report) if title == "Responses: D x R")
    assert {row[2] for row in rows} == {"refused", "partly refused", "answered", "other"}
