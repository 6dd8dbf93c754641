"""A small real study: a shipped model, some of the planted prompts, few bootstrap draws."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

from unsinter.studies import Settings, load_study, run_study
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


@pytest.fixture(scope="session")
def shown_run(tmp_path_factory):
    """A run whose chosen prompts were read token by token: D and R of a planted model, three layers."""
    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(model_folder("detached"), folder / "model")
    records = demo_prompts(pairs=40, wrapped=12, wrapped_twins=4, over_refused=6)
    text = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "prompts.jsonl").write_text(text, encoding="utf-8")
    study = {
        "name": "shown",
        "models": [{"name": "tiny", "path": "model", "dtype": "float32"}],
        "prompts": {"path": ["prompts.jsonl"]},
        "responses": {"max_new_tokens": 12},
        "targets": ["D", "R"],
        "positions": ["instruction_end", "template_end"],
        "layers": [2, 4, 6],
        "penalties": [0.01],
        "bootstrap_draws": 100,
        "controls": {"permutations": 100, "random_model": False, "layer0_mean": False, "code_length": False},
        "min_groups": 5,
        "transfer": [],
        "separation": {"pairs": []},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    settings = Settings(folder=folder / "run", cache_root=folder / "cache")
    run_study(load_study(folder / "study.yaml"), settings)
    return folder / "run"


@pytest.fixture
def model_copy(tmp_path):
    """A writable copy of a shipped model, to be damaged."""
    return shutil.copytree(model_folder("detached"), tmp_path / "model")


@pytest.fixture
def write_study(tmp_path, few_prompts):
    """Write prompts and a study file; keyword arguments replace keys of the study.

    It asks for targets only, so that a run takes seconds; ``whole`` asks for transfer and all controls too.
    """

    def write(*, prompts=None, model="planted:detached", whole=False, **changes):
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
        if not whole:
            few = {"random_model": False, "layer0_mean": False, "code_length": False}
            study |= {"controls": study["controls"] | few, "transfer": []}
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
        # Before it: that files of an earlier version cannot be checked, and which steps are done.
        before = re.compile(r"carries no digests|^(?!unsinter: ).*: [\d,]+( of [\d,]+)? done in ")
        lines = [line for line in done.stderr.strip().splitlines() if not before.search(line)]
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("unsinter: ")
        for part in parts:
            assert str(part) in lines[0]

    return run


@pytest.fixture
def scales_are_shared(monkeypatch):
    """Fits of a call that may share a scale do so, whatever it costs them."""
    from unsinter.probes.logistic import routes

    monkeypatch.setattr(routes, "pays", lambda *_, **__: True)
    monkeypatch.setattr(routes, "is_hopeless", lambda cost, **_: np.zeros(len(cost), bool))
    monkeypatch.setattr(routes.Solution, "is_scale_good", lambda *_: True)
