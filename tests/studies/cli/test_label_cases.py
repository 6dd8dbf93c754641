"""Labels on the command line: reasoning, other languages and spellings, as strangers' files hold them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from unsinter.features.labelling.apply import label_file
from unsinter.studies.cli import app


@pytest.fixture
def case(repository):
    """Return the folder of a case by its number; skipped where the cases are absent."""

    def find(number):
        root = Path(os.environ.get("UNSINTER_SHARED", repository.parent / "shared")) / "cases"
        folders = sorted(root.glob(f"{number}_*"))
        if not folders:
            pytest.skip(f"no case {number} under {root}; set UNSINTER_SHARED to the folder that holds cases/")
        return folders[0]

    return find


def called(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_reasoning_without_an_opening_tag_agrees_with_people(case):
    path = case("01") / "in.jsonl"
    report = label_file(path, None, gold="human")
    assert (report.overall.accuracy, report.missing, report.undecided) == (1.0, {}, {})
    assert "1.000" in called("label", path, "--gold", "human")


@pytest.mark.slow
def test_a_model_whose_template_opens_the_reasoning_is_labelled_by_its_answer(case):
    script = case("01") / "generate.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    for line in done.stdout.strip().splitlines():
        got, wanted = line.rsplit("' " if "' " in line else '" ', 1)[-1].split(" | must be ")
        assert got == wanted.split()[0]


def test_refusals_in_other_languages_are_no_compliance(case):
    report = label_file(case("02") / "in.jsonl", None, gold="human")
    assert report.counts == {"refusal": 2}


def test_check_and_run_read_every_label_alike(case, tmp_path, monkeypatch):
    for file in case("05").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    checked = called("check", "prompts.jsonl", "--responses", "in.jsonl")
    assert "stand in no cell" not in checked
    called("run", "in.yaml")
    [summary] = (tmp_path / "runs").glob("*/summary.json")
    model = json.loads(summary.read_text(encoding="utf-8"))["models"]["m"]
    assert sum(model["groups_per_cell"].values()) == 160
    assert model["unlabelled"] == {}
    assert "refused 80, answered 80 groups" in " ".join(checked.split())


def test_a_run_names_labels_it_does_not_know_and_languages_it_does_not_read(
    write_study, few_prompts, tmp_path
):
    rows = [
        {
            "id": f"r{i}",
            "prompt_id": p["id"],
            "model": "m",
            "response_opening": "I can't help with that." if p["harmful"] else "Sure, here are the steps.",
        }
        for i, p in enumerate(few_prompts)
    ]
    rows[0] |= {"label": "refutation"}
    rows[1] |= {"response_opening": "Ik kan je daar helaas niet mee helpen."}
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    study = write_study(targets=["R"], responses={"path": ["r.jsonl"], "model": "m"}, layers=[2])
    settings = yaml.safe_load(study.read_text(encoding="utf-8"))
    settings["controls"] = {"permutations": 0, "random_model": False, "code_length": False}
    study.write_text(yaml.safe_dump(settings), encoding="utf-8")
    shown = " ".join(called("run", study, "--out", tmp_path / "out").split())
    [summary] = (tmp_path / "out").rglob("summary.json")
    reasons = json.loads(summary.read_text(encoding="utf-8"))["models"]["tiny"]["unlabelled"]
    assert reasons == {"its label 'refutation' is no value of R": 1, "language not read: nl": 1}
    assert "answers without a label" in shown
    report = summary.with_name("report.html").read_text(encoding="utf-8")
    assert "language not read: nl: 1" in report
