import json

import pytest

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.load import read_recorded_responses
from unsinter.studies.study.sections import ResponseSource

PROMPTS = [PromptRecord(id=f"p{i}", prompt=f"text {i}", harmful=True, category="fraud") for i in range(3)]
APOLOGY = "I'm sorry, but I can't help with that."


@pytest.fixture
def recorded(tmp_path):
    """Write rows of (prompt, model, opening, label) and return every model's answers."""

    def read(*rows):
        path = tmp_path / "responses.jsonl"
        names = ("prompt_id", "model", "response_opening", "label")
        records = [{"id": f"r{i}"} | dict(zip(names, row, strict=True)) for i, row in enumerate(rows)]
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return read_recorded_responses(ResponseSource(path=(path,), model="ours"), PROMPTS)

    return read


def kinds(answers):
    return [answer and answer.refusal for answer in answers]


def test_answers_are_joined_by_prompt_and_model_and_not_by_row(recorded):
    answers = recorded(
        ("p2", "ours", "Sure, here it is.", "compliance"),
        ("p0", "theirs", "Sure, here it is.", "compliance"),
        ("p0", "ours", APOLOGY, "refusal"),
    )
    assert kinds(answers["ours"]) == ["refusal", None, "compliance"]
    assert kinds(answers["theirs"]) == ["compliance", None, None]
    assert answers["ours"][0].wording is not None
    assert answers["ours"][2].wording is None


def test_a_label_in_the_file_wins_over_the_rules(recorded):
    answers = recorded(("p0", "ours", APOLOGY, "compliance"), ("p1", "ours", APOLOGY, None))
    assert kinds(answers["ours"]) == ["compliance", "refusal", None]


def test_two_answers_of_one_model_to_one_prompt_count_only_where_they_agree(recorded):
    answers = recorded(
        ("p0", "ours", APOLOGY, "refusal"),
        ("p0", "ours", "Sure.", "compliance"),
        ("p1", "ours", APOLOGY, "refusal"),
        ("p1", "ours", APOLOGY, "refusal"),
    )
    assert kinds(answers["ours"]) == [None, "refusal", None]
