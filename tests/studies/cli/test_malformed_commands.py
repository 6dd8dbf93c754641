"""What is wrong in form, in any argument of any verb, is one line on stderr and exit code 2."""

import shlex

import pytest
from typer.testing import CliRunner

from unsinter.studies.cli.app import app

LONG = "y" * 5000
"""Stands for LONG in a command."""

COMMANDS = {
    "doctor": [
        "doctor some:name",
        "doctor a//b",
        "doctor ../x",
        "doctor a/b/c",
        "doctor LONG",
        "doctor planted:",
        "doctor planted:x",
        "doctor package:",
        "doctor package:a..b/c",
        "doctor package:os/x",
        "doctor package:unsinter.studies.planted/models/detached/../../..",
        "doctor ''",
        "doctor '  '",
        "doctor a--b",
        "doctor x.git",
        "doctor ./f",
        "doctor empty",
        "doctor p.jsonl",
        "doctor planted:detached --dtype int8",
        "doctor --study LONG",
        "doctor --study nope.yaml",
        "doctor --study f",
        "doctor http://x/y",
        "doctor a\\x1bb",
        "doctor é",
        "doctor 'a b'",
        "doctor -- -x",
    ],
    "run": [
        "run",
        "run --demo --storage nonsense",
        "run --demo --storage ''",
        "run --demo --storage sqlite://",
        "run --demo --storage nonsense://x/y",
        "run --demo --set a..b=1",
        "run LONG",
        "run nope.yaml",
        "run s.yaml --demo",
        "run f",
        "run s.yaml --set",
        "run s.yaml --set x",
        "run s.yaml --set =1",
        "run s.yaml --set seed=[",
        "run s.yaml --set seed=!!int",
        "run s.yaml --set .=1",
        "run s.yaml --set models.0.name=x",
        "run s.yaml --set name=a --set name=b",
        "run s.yaml --jobs 0",
        "run s.yaml --jobs -5",
        "run s.yaml --jobs x",
        "run s.yaml --out p.jsonl",
        "run s.yaml --out LONG",
        "run s.yaml --out p.jsonl/x",
        "run s.yaml --set 'seed=!!timestamp x'",
        "run --bogus 1",
    ],
    "extract": [
        "extract LONG",
        "extract f",
        "extract nope",
        "extract s.yaml --set LONG",
        "extract s.yaml --set models=1",
        "extract s.yaml --set positions=[nope]",
    ],
    "check": [
        "check",
        "check LONG",
        "check f",
        "check LONG.jsonl",
        "check nope.jsonl",
        "check p.jsonl --columns x",
        "check p.jsonl --columns =",
        "check p.jsonl --columns prompt=LONG",
        "check p.jsonl --columns LONG=a",
        "check p.jsonl --near-copies nan",
        "check p.jsonl --near-copies 7",
        "check p.jsonl --responses p.jsonl",
        "check --prompts r.jsonl",
        "check --all-harmful LONG",
        "check p.jsonl s.yaml",
        "check s.yaml --columns a=b",
        "check /dev/null",
        "check x.safetensors",
        "check ''",
        "check p.jsonl/x.jsonl",
    ],
    "label": [
        "label LONG",
        "label LONG.jsonl",
        "label p.jsonl",
        "label r.jsonl --judge x",
        "label r.jsonl --judge hf:",
        "label r.jsonl --judge hf:LONG",
        "label r.jsonl --judge hf:f",
        "label r.jsonl --judge hf:nope",
        "label r.jsonl --judge endpoint:",
        "label r.jsonl --judge endpoint:m@",
        "label r.jsonl --judge endpoint:m@http://[",
        "label r.jsonl --judge LONG",
        "label r.jsonl --gold LONG",
        "label r.jsonl --gold id --rates LONG",
        "label r.jsonl --gold id --rates p.jsonl/x",
        "label r.jsonl --out LONG",
        "label r.jsonl --out p.jsonl/x",
        "label r.jsonl --out empty",
        "label r.jsonl --out r.jsonl",
        "label r.jsonl --prompts LONG",
        "label r.jsonl --prompts f",
        "label r.jsonl --rates x.json",
    ],
    "export": [
        "export LONG --target D",
        "export f --target D",
        "export empty --target X",
        "export p.jsonl --target D",
        "export empty --target D --layer -1",
        "export empty --target D --format x",
        "export empty --target LONG",
        "export empty --target D --position x",
        "export empty --target D --model ../x",
    ],
    "score": [
        "score LONG --model x --text a",
        "score x.safetensors --model x --text a",
        "score f --model x --text a",
        "score nope.safetensors --model x --text a",
        "score x.json --model x --text a",
        "score x.safetensors --model some:name --text a",
        "score x.safetensors --model LONG --file LONG",
        "score x.safetensors --model x",
        "score x.safetensors q --model x",
        "score x.safetensors --model x --text ''",
    ],
    "report": [
        "report LONG",
        "report f",
        "report empty",
        "report p.jsonl",
    ],
    "transfer": [
        "transfer LONG",
        "transfer empty",
        "transfer f --kind x",
        "transfer f --order x",
        "transfer p.jsonl",
    ],
    "separate": [
        "separate LONG",
        "separate empty --pair X",
        "separate f --model LONG",
        "separate p.jsonl",
    ],
    "plan": [
        "plan",
        "plan --cells 1e9,1,1,1",
        "plan --cells 1000000000,1000000000,5,5",
        "plan --n 100000000 --phi 0.5",
        "plan --n 400 --phi 0.5 --d 100000000",
        "plan --cells x",
        "plan --cells 1,2",
        "plan --cells 1,2,3,4,5",
        "plan --cells 1,2,3,-4",
        "plan --n 5",
        "plan --n -5 --phi .1",
        "plan --n 100 --phi 7",
        "plan --n 100 --phi nan",
        "plan --n 100 --phi .1 --auc 2",
        "plan --n 100 --phi .1 --auc nan",
        "plan --n 100 --phi .1 --d 0",
        "plan --n 100 --phi .1 --worlds 0",
        "plan --n 100 --phi .1 --categories 0",
        "plan --n 100 --phi .1 --jobs 0",
        "plan --n 100 --phi .1 --seed -1",
        "plan --cells LONG",
    ],
    "cache": [
        "cache ls --x",
        "cache verify LONG",
        "cache gc x",
    ],
    "nope": [
        "nope",
    ],
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with sound and broken files of every kind, which is where commands run."""
    for name in ("folder", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "config.json").write_text("[]")
    (tmp_path / "s.yaml").write_text("name: a\nmodels: [{name: t, path: 'planted:detached'}]\nprompts: {}\n")
    (tmp_path / "p.jsonl").write_text('{"id": "1", "prompt": "x", "harmful": true}\n')
    (tmp_path / "r.jsonl").write_text(
        '{"id": "1", "prompt_id": "1", "model": "m", "response_opening": "x"}\n'
    )
    (tmp_path / "x.safetensors").write_bytes(b"\xff" * 8)
    (tmp_path / "x.json").write_text("[" * 5000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNSINTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for commands in COMMANDS.values() for command in commands])
def test_a_malformed_command_is_one_line(here, command):
    done = CliRunner().invoke(app, shlex.split(command.replace("LONG", LONG)), input="")
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("unsinter: ")
    assert len(done.stderr) < 3000


def test_a_name_that_is_no_model_is_refused_by_doctor(here):
    done = CliRunner().invoke(app, ["doctor", "some:name"])
    assert done.exit_code == 2
    assert "'some:name' is neither a model folder nor a model's id on a hub" in done.stderr


def test_a_run_folder_that_cannot_be_made_is_refused_before_anything_is_computed(here):
    done = CliRunner().invoke(app, ["run", "s.yaml", "--out", "p.jsonl/x"])
    assert done.exit_code == 2
    assert "p.jsonl is a file" in done.stderr
    assert not (here / "cache").exists()
