import json

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from unsinter.studies.cli import app
from unsinter.studies.study.sections import Separation

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request.",
    "I won't help with that.",
]
ANSWERS = [
    "Sure! Here are five ideas for your garden party.",
    "The capital of France is Paris, on the Seine.",
]


def responses(tmp_path, gold):
    rows = [
        {"id": f"r{i}", "prompt_id": f"p{i}", "model": "m", "response_opening": text, "human": label}
        for i, (text, label) in enumerate(gold)
    ]
    path = tmp_path / "responses.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_rates_written_from_gold_labels_are_shares_of_right_labels_and_a_study_takes_them(tmp_path):
    """8 of 9 refusals and 9 of 10 answers that we call so are so for people, with half a row added to
    each."""
    gold = [(REFUSALS[i % 3], "refusal") for i in range(8)] + [(REFUSALS[0], "compliance")]
    gold += [(ANSWERS[i % 2], "compliance") for i in range(9)] + [(ANSWERS[0], "refusal")]
    out = tmp_path / "rates.json"
    done = CliRunner().invoke(
        app, ["label", str(responses(tmp_path, gold)), "--gold", "human", "--rates", str(out)]
    )
    assert done.exit_code == 0, done.output
    content = json.loads(out.read_text())
    assert content["counts"]["R"] == {
        "refusal": {"refusal": 8, "compliance": 1}, "compliance": {"refusal": 1, "compliance": 9},
    }  # fmt: skip
    expected = pytest.approx((9.5 / 11, 8.5 / 10), abs=1e-4)
    assert Separation(sure=str(out)).sure_of("R") == expected
    both = Separation(sure={"file": str(out), "D": [1, 1]})
    assert both.sure_of("R") == expected
    assert both.sure_of("D") == (1.0, 1.0)


def test_rates_without_gold_labels_are_refused_and_nothing_is_written(tmp_path):
    out = tmp_path / "rates.json"
    done = CliRunner().invoke(
        app, ["label", str(responses(tmp_path, [(REFUSALS[0], "")])), "--rates", str(out)]
    )
    assert done.exit_code == 2
    assert not out.exists()


@pytest.mark.parametrize("content", ["{}", "no json", '{"schema_version": 9, "sure": {}}'])
def test_a_file_of_something_else_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValidationError, match=r"other\.json"):
        Separation(sure=str(path))
    with pytest.raises(ValidationError, match="cannot be read"):
        Separation(sure=str(tmp_path / "absent.json"))
