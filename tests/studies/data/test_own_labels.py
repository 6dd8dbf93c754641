"""Labels of targets that a study defines by a field of its records."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.features.records.names import name_key, says_missing
from unsinter.features.records.readers import read_prompts
from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.check import check_records
from unsinter.studies.data.own_labels import MOST_CLASSES, own_labels, own_notes, positive_class
from unsinter.studies.data.own_questions import OwnQuestions
from unsinter.studies.data.targets import make_target
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.own_targets import OwnTarget
from unsinter.studies.study.sections import NearCopies

TARGET = OwnTarget(name="x", field="value")


def records(values, **more):
    return [
        PromptRecord(id=str(i), prompt=f"text {i}", value=value, **{k: v[i] for k, v in more.items()})
        for i, value in enumerate(values)
    ]


def labels(values, target=TARGET, **more):
    return own_labels(target, records(values, **more), files="mine.jsonl").tolist()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False, None], ["true", "false", ""]),
        (["True", "FALSE", " true "], ["true", "false", "true"]),
        ([True, "true", "False"], ["true", "true", "false"]),
        ([1, 0, 1], ["1", "0", "1"]),
        ([1.0, 2.0, float("nan")], ["1", "2", ""]),
        (["1.0", "2.0", ""], ["1", "2", ""]),
        (["007", "7", "1e1"], ["007", "7", "10"]),
        ([3, "3", "other"], ["3", "3", "other"]),
        (["Red", "red", "red", "blue"], ["red", "red", "red", "blue"]),
        (["a", "None", "n/a", "b", "-"], ["a", "", "", "b", ""]),
        (["v1.5", "1.5", "2"], ["v1.5", "1.5", "2"]),
        ([np.bool_(True), False, np.nan], ["true", "false", ""]),
    ],
)
def test_values_of_any_file_have_one_name_each(values, expected):
    assert labels(values) == expected


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ([True, True, None], ("only 'true'", "2 prompts", "1 are outside", "two classes")),
        ([None, None], ("has a field 'value'",)),
        (["", "nan"], ("no value",)),
        ([0.5, 1.0], ("fractions", "0.5")),
        (["0.5", "1"], ("fractions", "0.5")),
        ([1, float("inf")], ("fractions", "inf")),
        (list(range(MOST_CLASSES + 1)), ("51 different", "at most 50")),
        ([f"{'long ' * 40}{i}" for i in range(3)], ("a text of", "at most 200")),
        ([["a"], ["b"]], ("['a']", "one per record")),
        ([{"a": True}, {"b": True}], ("one per record",)),
        ([True, 1, 0], ("truth values and numbers",)),
        (["a", "\ud800"], ("surrogate",)),
    ],
)
def test_a_field_of_no_classes_is_refused_in_one_sentence_that_names_it(values, parts):
    with pytest.raises(StudyError, match=r"^target x: ") as refusal:
        labels(values)
    message = str(refusal.value)
    assert "mine.jsonl" in message
    assert "value" in message
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_fifty_classes_are_allowed():
    assert len(set(labels(list(range(MOST_CLASSES))))) == MOST_CLASSES


def test_an_unknown_field_is_named_with_the_fields_there_are():
    for target in (
        OwnTarget(name="x", field="valeu"),
        OwnTarget(name="x", field="value", where={"valeu": [1]}),
    ):
        with pytest.raises(
            StudyError, match=r"'valeu'; did you mean 'value'\? The fields .*: id, prompt, value"
        ):
            labels(["a", "b"], target)


def test_where_masks_all_other_records():
    target = OwnTarget(name="x", field="value", where={"harmful": [True], "source": ["North", "south"]})
    result = labels(
        ["a", "b", "a", "b", "a"],
        target,
        harmful=[True, True, False, None, True],
        source=["north", "SOUTH", "north", "north", "east"],
    )
    assert result == ["a", "b", "", "", ""]
    with pytest.raises(StudyError, match="keeps none of the 2 prompts of mine"):
        labels(["a", "b"], OwnTarget(name="x", field="value", where={"harmful": [True]}), harmful=[False] * 2)


def test_the_positive_class_is_the_one_that_is_named_else_the_last_by_name():
    prompts = records(["yes", "no"] * 3)
    groups = np.arange(6).astype(str)

    def classes(**more):
        target = OwnTarget(name="x", field="value", **more)
        return make_target(target, prompts, [None] * 6, groups=groups, min_groups=2).classes

    assert classes() == ("no", "yes")
    assert classes(positive="NO") == ("yes", "no")
    with pytest.raises(
        StudyError, match=r"positive is 'maybe', and the field 'value' of mine.* 'no', 'yes'; name"
    ):
        labels(["yes", "no"], OwnTarget(name="x", field="value", positive="maybe"))
    with pytest.raises(StudyError, match="two classes only"):
        labels(["a", "b", "c"], OwnTarget(name="x", field="value", positive="a"))
    assert positive_class(OwnTarget(name="x", field="value", positive=1), ["0", "1"]) == "1"
    assert positive_class(OwnTarget(name="x", field="value", positive=True), ["false", "true"]) == "true"


def test_what_was_read_otherwise_is_said():
    message = " ".join(own_notes(TARGET, records(["Red", "red", "red", "none", "none", None])))
    assert "'none' 2" in message
    assert "'red' is also written 'Red' 1" in message
    assert own_notes(TARGET, records([True, False, 1])) == []


def test_rare_classes_are_left_out_and_counted_by_groups():
    prompts = records(["a"] * 4 + ["b"] * 4 + ["c"] * 4)
    groups = np.array(["1", "2", "3", "4"] * 2 + ["9"] * 4)
    made = make_target(TARGET, prompts, [None] * 12, groups=groups, min_groups=2)
    assert made.name == "x"
    assert made.classes == ("a", "b")
    assert made.left_out == {"c": 1}
    assert made.defined.sum() == 8


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=12)
VALUES = st.one_of(
    st.lists(st.one_of(st.none(), st.booleans()), min_size=2, max_size=30),
    st.lists(st.one_of(st.none(), st.integers(-20, 20)), min_size=2, max_size=30),
    st.lists(st.one_of(st.none(), TEXT), min_size=2, max_size=30),
)


def labels_or_none(prompts):
    try:
        return own_labels(TARGET, prompts, files="mine.jsonl").tolist()
    except StudyError:
        return None


@given(values=VALUES, seed=st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_labels_follow_their_values_whatever_the_order(values, seed):
    prompts = records(values)
    result = labels_or_none(prompts)
    if result is None:
        return
    assert [name == "" for name in result] == [says_missing(value) for value in values]
    order = np.random.default_rng(seed).permutation(len(values))
    assert labels_or_none([prompts[i] for i in order]) == [result[i] for i in order]
    by_name = Counter()
    for value, name in zip(values, result, strict=True):
        if isinstance(value, str) and name:
            assert name_key(name) == name_key(value) or float(value) == float(name)
        elif name:
            assert json.loads(name) == value
        by_name[name] += 1
    assert 2 <= len(set(by_name) - {""}) <= MOST_CLASSES


@given(values=st.one_of(st.lists(st.booleans(), min_size=2, max_size=9),
                        st.lists(st.integers(-9, 9), min_size=2, max_size=9)))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_a_file_of_lines_and_a_table_of_text_name_classes_alike(values, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rows = [{"id": f"p{i}", "prompt": f"text {i}", "value": value} for i, value in enumerate(values)]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    Path(folder / "a.csv").write_text(text.getvalue(), encoding="utf-8")
    one, other = (labels_or_none(read_prompts(folder / name)) for name in ("a.jsonl", "a.csv"))
    assert one == other


def test_check_asks_for_as_many_groups_as_the_study_does():
    prompts = [
        PromptRecord(id=str(i), prompt=f"{i} stands alone", harmful=i % 2 == 0, category=f"c{i % 4}",
                     value="ab"[i // 10 % 2]) for i in range(40)
    ]  # fmt: skip
    answers = {}
    for needed in (5, 30):
        beside = OwnQuestions(min_groups=needed, targets=(TARGET,), pairs=("x-D", "x-R"))
        report = check_records(
            prompts, beside=beside, near_copies=NearCopies(threshold=1.0, word_threshold=None)
        )
        answers[needed] = {question.name: question.answerable for question in report.questions}
        assert all(row.labels["x"] in "ab" for row in report.prompts)
    assert answers[5] == answers[30] | {"D": True, "C": True, "category transfer": True, "x": True,
                                        "(x, D)": True}  # fmt: skip
    assert not any(answers[30].values())
    assert "(x, R)" not in answers[5]  # that is asked of a model's answers
