"""Labelling a file: rows kept, gold kept, output never half written, errors that name the row."""

import json

import pytest

from unsinter.features.labelling.apply import label_file
from unsinter.features.records.record import RecordError
from unsinter.studies.cli.commands.data import label_tables

ROWS = [
    {
        "id": "1",
        "prompt_id": "p",
        "model": "m",
        "response_opening": "I can\u2019t help with that.",
        "extra": {"kept": [1]},
    },
    {"id": "2", "prompt_id": "p", "model": "m", "response_opening": None},
    {"id": "3", "prompt_id": "p", "model": "n", "response_opening": "Sure! Boil the eggs for seven minutes."},
]
GOLD = ["refusal", "compliance", "refusal"]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_keep_every_field_and_gain_labels_with_spans_and_provenance(tmp_path):
    source, out = write(tmp_path / "in.jsonl", ROWS), tmp_path / "out.jsonl"
    report = label_file(source, out)
    rows = read(out)
    assert [{key: row[key] for key in old} for row, old in zip(rows, ROWS, strict=True)] == ROWS
    assert [row["label"] for row in rows] == ["refusal", None, "compliance"]
    assert [row["wording"] for row in rows] == ["bare", None, None]
    text = rows[0]["response_opening"]
    assert "I can\u2019t help" in [text[move["start"] : move["end"]] for move in rows[0]["moves"]]
    assert rows[0]["label_source"] == rows[0]["label_provenance"]["labeller"] == "rules"
    assert rows[1]["label_provenance"]["missing"] == "no text"
    assert report.counts == {"refusal": 1, "missing": 1, "compliance": 1}
    assert report.missing == {"no text": 1}
    assert report.overall is None


def test_gold_labels_stay_and_agreement_is_reported_per_model(tmp_path):
    rows = [dict(row, label=gold) for row, gold in zip(ROWS, GOLD, strict=True)]
    source, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    report = label_file(source, out)
    assert [row["label"] for row in read(out)] == GOLD
    assert [row["label_predicted"] for row in read(out)] == ["refusal", None, "compliance"]
    assert report.overall.n == 2
    assert report.overall.accuracy == 0.5
    assert {model: part.accuracy for model, part in report.by_model.items()} == {"m": 1.0, "n": 0.0}
    text = str(label_tables(report))
    assert "kappa" in text
    assert "no text" in text


def test_gold_without_a_three_way_meaning_is_counted_apart(tmp_path):
    rows = [dict(ROWS[0], action="refutation"), dict(ROWS[2], action="compliance")]
    report = label_file(write(tmp_path / "in.jsonl", rows), None, gold="action")
    assert report.other_gold == {"refutation": {"refusal": 1}}
    assert report.overall.n == 1
    assert "refutation" in str(label_tables(report))


def test_a_gold_field_no_row_has_is_an_error(tmp_path):
    with pytest.raises(RecordError, match="no row has the gold field 'truth'"):
        label_file(write(tmp_path / "in.jsonl", ROWS), None, gold="truth")


def test_nothing_is_written_when_the_gold_field_is_wrong(tmp_path):
    out = tmp_path / "out.jsonl"
    with pytest.raises(RecordError, match="truth"):
        label_file(write(tmp_path / "in.jsonl", ROWS), out, gold="truth")
    assert not out.exists()


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('{"id": "x"}', r"row 2, field 'response_opening': is missing"),
        (
            '{"id": "x", "response_opening": 7}',
            r"row 2, field 'response_opening': must be a string or null; got 7",
        ),
        ("{", r"row 2: is not JSON"),
        ("[]", r"row 2: .*list"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(tmp_path, line, match):
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(ROWS[0]) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(RecordError, match=match):
        label_file(source, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["in.jsonl"]


def test_the_input_and_existing_files_are_not_overwritten(tmp_path):
    source, out = write(tmp_path / "in.jsonl", ROWS), write(tmp_path / "out.jsonl", [])
    with pytest.raises(RecordError, match="is the input"):
        label_file(source, source)
    with pytest.raises(RecordError, match="exists"):
        label_file(source, out)
    out.unlink()
    label_file(source, out)
    assert len(read(out)) == 3


@pytest.mark.parametrize("name", ["out.csv", "OUT.CSV", "out.parquet", "out.tsv", "out.txt"])
def test_labels_are_not_written_under_a_name_from_which_no_reader_takes_json_lines(tmp_path, name):
    source, out = write(tmp_path / "in.jsonl", ROWS), tmp_path / name
    with pytest.raises(RecordError, match=r"labels are written as JSON Lines.*name it (out|OUT)\.jsonl\.$"):
        label_file(source, out)
    assert not out.exists()


def test_prompts_are_joined_by_id_for_judges_that_read_them(tmp_path):
    seen = []

    class Listening:
        name = "listening"

        def judge(self, items):
            from unsinter.features.labelling import label_response

            seen.extend(items)
            return [label_response(item.opening) for item in items]

    prompts = write(tmp_path / "prompts.jsonl", [{"id": "p", "prompt": "How long do eggs take?"}])
    label_file(write(tmp_path / "in.jsonl", ROWS), None, prompts=prompts, judge=Listening())
    assert {item.prompt for item in seen} == {"How long do eggs take?"}
    with pytest.raises(RecordError, match="prompt"):
        label_file(tmp_path / "in.jsonl", None, prompts=write(tmp_path / "bad.jsonl", [{"id": "p"}]))


def test_an_empty_file_is_an_error(tmp_path):
    with pytest.raises(RecordError, match="holds no record"):
        label_file(write(tmp_path / "in.jsonl", []), None)
