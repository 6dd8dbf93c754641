"""Public reports about models, figures and output, each run as it was reported, where the folder is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CASES = [
    ("06_longrope_depends_on_batch", ["Phi3"], r"Phi3: 0 of 31 rows changed"),
    ("06_longrope_depends_on_batch", ["Llama"], r"Llama: 0 of 31 rows changed"),
    ("07_left_padding_in_generation", ["RecurrentGemma"], r"0 of 10 greedy answers differ"),
    ("07_left_padding_in_generation", ["MiniMax"], r"0 of 10 greedy answers differ"),
    ("08_date_in_the_template", [], r"same row key: True \| activation moved by 0\.0 "),
    ("10_dollar_signs_in_names", [], r"'ca\$\$h' drawn as written"),
    ("17_output_that_is_not_utf8", [], r"check, ASCII: exit 0"),
    ("20_models_that_are_offloaded", [], r"ModelError x: .* meta device[\s\S]*ModelError x: DataParallel"),
    ("24_turn_end_that_is_no_eos", [], r"^'Sure, mix flour\.' truncated False"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "arguments", "expected"), CASES)
def test_a_reported_case_ends_as_it_must(repository, name, arguments, expected):
    shared = Path(os.environ.get("UNSINTER_SHARED", repository.parent / "shared"))
    case = shared / "cases" / name
    if not case.is_dir():
        pytest.skip(
            f"no reported cases at {shared / 'cases'}; set UNSINTER_SHARED to the folder that holds them"
        )
    script = next(case.glob("repro.*"))
    program = "sh" if script.suffix == ".sh" else sys.executable
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [program, script, *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=case,
        env=os.environ | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert re.search(expected, done.stdout, re.MULTILINE), done.stdout + done.stderr
