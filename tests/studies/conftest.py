"""A small real study: a shipped model, some of the planted prompts, few bootstrap draws."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import pytest
import yaml

from unsinter.studies.planted import demo_prompts, model_folder
from unsinter.studies.tables.columns import VERDICTS


@pytest.fixture(scope="session")
def few_prompts():
    """Every second twin pair of five categories of the demo's prompts, so that a study takes seconds."""
    prompts = demo_prompts(seed=0)
    categories = sorted({p["category"] for p in prompts if p["category"]})[:5]
    kept = sorted({p["group"] for p in prompts if p["category"] in categories})[::2]
    return [p for p in prompts if p["group"] in set(kept)]


@pytest.fixture(scope="session")
def verdict_world():
    """The module that writes tables of verdicts as a run would."""
    return importlib.import_module("verdict_world")


@pytest.fixture(scope="session")
def verdicts(verdict_world):
    """Two models, three pairs each, seven layers by two positions: every verdict occurs."""
    return verdict_world.verdict_table(VERDICTS)


@pytest.fixture
def model_copy(tmp_path):
    """A writable copy of a shipped model, to be damaged."""
    return shutil.copytree(model_folder("detached"), tmp_path / "model")


@pytest.fixture
def write_study(tmp_path, few_prompts):
    """Write prompts and a study file; keyword arguments replace keys of the study."""

    def write(*, prompts=None, model="planted:detached", **changes):
        data = tmp_path / "prompts.jsonl"
        lines = [json.dumps(record) for record in (few_prompts if prompts is None else prompts)]
        text = "\n".join(lines) + "\n"
        if not data.is_file() or data.read_text(encoding="utf-8") != text:
            data.write_text(text, encoding="utf-8")  # a file that is written again counts as changed
        study = {
            "name": "small",
            "models": [{"name": "tiny", "path": str(model), "dtype": "float32"}],
            "prompts": {"path": [data.name]},
            "targets": ["D", "C"],
            "positions": ["template_end"],
            "layers": [0, 2],
            "penalties": [0.01],
            "bootstrap_draws": 100,
            "controls": {"permutations": 100},
            "min_groups": 10,
            "separation": {"pairs": []},
        }
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(study | changes), encoding="utf-8")
        return path

    return write


@pytest.fixture
def unsinter(tmp_path):
    """Run the command line in a process of its own, in an empty folder; returns the finished process."""

    def run(*arguments, **environment):
        command = [
            sys.executable,
            "-c",
            "from unsinter.studies.cli import app; app()",
            *map(str, arguments),
        ]
        folder = tmp_path / "here"
        folder.mkdir(exist_ok=True)
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=600,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=os.environ | {"COLUMNS": "200"} | environment,
        )

    return run


@pytest.fixture
def refused(unsinter):
    """Run a command that must be refused: exit code 2 and one line on stderr, which holds all ``parts``."""

    def run(*arguments, parts, **environment):
        done = unsinter(*arguments, **environment)
        assert done.returncode == 2, done.stderr
        # Of a run of an earlier version it is said first that its files cannot be checked.
        lines = [line for line in done.stderr.strip().splitlines() if "carries no digests" not in line]
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("unsinter: ")
        for part in parts:
            assert str(part) in lines[0]

    return run
