"""What is shown goes to a file on a full disk: one line that says so, and exit code 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["check", "prompts.jsonl"]])
def test_output_that_cannot_be_written_is_one_line_that_names_it(tmp_path, arguments):
    row = {"id": "a", "prompt": "How do I bake bread?", "harmful": False}
    (tmp_path / "prompts.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with FULL.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from unsinter.studies.cli import app; app()", *arguments],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=os.environ | {"COLUMNS": "200"},
        )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line == (
        "unsinter: the standard output cannot be written (No space left on device); make room and run again."
    )
