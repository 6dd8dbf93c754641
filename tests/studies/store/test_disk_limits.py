"""A limit on the size of files, met at any writer: one sentence names the file, nothing is half-written."""

import json
import subprocess
import sys

import pytest
from file_writers import LIMIT, LONG, WRITERS, in_a_fork, responses
from size_limit import CODE


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("writer", "name"), WRITERS)
def test_a_file_over_the_size_limit_is_one_sentence_that_names_it(tmp_path, writer, name):
    message = in_a_fork(lambda: str(writer(tmp_path)))
    assert "Traceback" not in message, message
    assert "Error: " in message, "no limit was met"
    assert str(tmp_path) in message
    assert name in message
    assert "\n" not in message
    assert "File too large" in message or "size limit" in message
    left = [path for path in tmp_path.rglob("*") if path.name.endswith((".part", ".tmp", ".svg"))]
    assert left == []
    assert all(len(path.read_bytes()) <= LIMIT for path in tmp_path.rglob("log.jsonl"))


def test_what_a_response_file_held_stays_whole(tmp_path):
    in_a_fork(lambda: str(responses(tmp_path)))
    (line,) = (tmp_path / "answers.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == "short"


def test_the_command_line_turns_a_limit_of_the_system_into_one_line(tmp_path):
    rows = [{"id": str(n), "response_opening": "Sure.", "note": LONG} for n in range(3)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code = f"{CODE.format(LIMIT)}; from unsinter.studies.cli.app import app; app()"
    arguments = ["label", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "model cannot be written (File too large); raise the size limit" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
