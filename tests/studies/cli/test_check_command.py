import json
import subprocess
import sys
from pathlib import Path

import pytest

from unsinter.studies.cli.commands.data import CheckRequest, check_verb
from unsinter.studies.study.file import StudyError


def test_pairs_of_columns_apart_by_a_blank_are_said_to_need_a_comma(tmp_path):
    file = tmp_path / "p.jsonl"
    file.write_text('{"id": "a", "prompt": "Hello"}\n', encoding="utf-8")
    request = CheckRequest(data=[file, Path("group=split_group")], columns="category=kind")
    with pytest.raises(
        StudyError, match=r"separated by commas, without blanks: --columns ours=theirs,group="
    ):
        check_verb(request)


def test_a_file_may_have_an_equals_sign_in_its_name(tmp_path):
    file = tmp_path / "group=one.jsonl"
    file.write_text('{"id": "a", "prompt": "Hello"}\n', encoding="utf-8")
    assert check_verb(CheckRequest(data=[file]))


def test_a_check_starts_without_libraries_of_models_and_estimators(tmp_path):
    rows = [
        {"id": f"r{i}", "prompt": f"How is word {i} of the list spelt?", "harmful": i % 2 == 0}
        for i in range(20)
    ]
    path = tmp_path / "prompts.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    code = (
        "import sys\n"
        "from unsinter.studies.cli.app import app\n"
        "heavy = ('torch', 'transformers', 'sklearn', 'scipy.stats', 'pandas', 'optuna', 'matplotlib')\n"
        "try:\n"
        f"    app(['check', {str(path)!r}])\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        "print('loaded:', [name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines()[-1] == "loaded: []"
