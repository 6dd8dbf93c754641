"""Texts to score: every source in order, every bad line by file and row."""

import io
import json

import pandas as pd
import pytest

from unsinter.features.records.record import RecordError
from unsinter.studies.scoring.inputs import input_texts
from unsinter.studies.study.file import StudyError


def texts_of(file, *, stdin=b"", dash=None, texts=()):
    return input_texts(texts, file=None if file is None else str(file), dash=dash, stdin=io.BytesIO(stdin))


def test_texts_of_the_command_line_keep_their_order_and_line_breaks():
    assert [(t.row, t.text) for t in texts_of(None, texts=["b\nc", "a"])] == [(1, "b\nc"), (2, "a")]


def test_a_plain_file_holds_a_text_per_line_whatever_its_line_ends(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_bytes("\ufeffeins\r\nzwei ü\n{drei\nlast".encode())
    assert [t.text for t in texts_of(path)] == ["eins", "zwei ü", "{drei", "last"]


def test_records_keep_ids_and_line_breaks(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"id": 7, "prompt": "one\\ntwo"}\n\n{"text": "three"}\n')
    assert [(t.row, t.id, t.text) for t in texts_of(path)] == [(1, "7", "one\ntwo"), (3, None, "three")]


def test_tables_are_read_too(tmp_path):
    path = tmp_path / "texts.parquet"
    pd.DataFrame({"id": ["x", "y"], "text": ["one", "two\nlines"]}).to_parquet(path)
    assert [(t.id, t.text) for t in texts_of(path)] == [("x", "one"), ("y", "two\nlines")]


@pytest.mark.parametrize("how", [{"file": "-"}, {"file": None, "dash": "-"}])
def test_standard_input_holds_lines_or_records(how):
    assert [t.text for t in texts_of(**how, stdin=b"one\ntwo\n")] == ["one", "two"]
    lines = "\n".join(json.dumps({"text": text}) for text in ("a\nb", "c"))
    assert [t.text for t in texts_of(**how, stdin=lines.encode())] == ["a\nb", "c"]


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("t.txt", b"one\n\nthree", r"t\.txt, row 2: is blank"),
        ("t.txt", b"one\n \t\nthree", r"t\.txt, row 2: is blank"),
        ("t.txt", b"one\n\xff\xfe", r"t\.txt, row 2: byte 1 of the line is not UTF-8"),
        ("t.txt", b"", r"t\.txt: holds no text"),
        ("t.jsonl", b'{"text": "a"}\n{"text": ""}', r"t\.jsonl, row 2: is blank"),
        ("t.jsonl", b'{"text": "a"}\n{"text": 3}', r"t\.jsonl, row 2, field 'text': must be text, got 3"),
        (
            "t.jsonl",
            b'{"text": "a"}\n{"txt": "b"}',
            r"t\.jsonl, row 2: has no field 'prompt' or 'text'; .*txt",
        ),
        ("t.jsonl", b'{"text": "a"}\n{"text"', r"t\.jsonl, row 2: is not JSON"),
        ("t.jsonl", b'{"text": "\\ud800"}', r"t\.jsonl, row 1, field .text.: holds half of a surrogate"),
        (None, b'{"text": "a"}\nplain', "standard input, row 2: is not JSON, as its first line is"),
        (None, b'{"text": "a"}\n[1]', "standard input, row 2: is not a JSON object"),
        (None, b"", "-: holds no text"),
    ],
)
def test_a_bad_line_is_named_by_file_and_row(tmp_path, name, content, match):
    if name is None:
        with pytest.raises(RecordError, match=match):
            texts_of("-", stdin=content)
        return
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordError, match=match):
        texts_of(tmp_path / name)


def test_exactly_one_source_is_wanted(tmp_path):
    for arguments in ({"file": None}, {"file": "-", "texts": ["a"]}, {"file": "-", "dash": "-"}):
        with pytest.raises(StudyError, match="one of the three"):
            texts_of(**arguments)
    with pytest.raises(StudyError, match=r"got 'prompts\.txt'"):
        texts_of(None, dash="prompts.txt")
    with pytest.raises(FileNotFoundError):
        texts_of(tmp_path / "none.jsonl")


def test_a_record_brings_its_turns_as_in_a_study(tmp_path):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How do I bake bread?"},
    ]
    path = tmp_path / "chats.jsonl"
    lines = [{"id": "a", "messages": turns}, {"text": "Hi", "prefill": "Well"}, {"prompt": "Hi"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    first, second, third = input_texts([], file=str(path), stdin=io.BytesIO())
    assert (first.id, first.text, first.conversation.system) == ("a", "How do I bake bread?", "Be brief.")
    assert (second.id, second.text, second.conversation.prefill) == (None, "Hi", "Well")
    assert not third.conversation
    path.write_text(json.dumps({"messages": turns[:1]}) + "\n", encoding="utf-8")
    with pytest.raises(RecordError, match="row 1, field 'messages': has no turn of the user"):
        input_texts([], file=str(path), stdin=io.BytesIO())
