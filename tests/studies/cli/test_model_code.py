"""A study that wraps a folder with code of its own: nothing of it runs without --run-model-code."""

import json
import shutil

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from unsinter.studies.cli import app
from unsinter.studies.planted import model_folder


@pytest.fixture
def wrapped(write_study, tilt, tmp_path, monkeypatch):
    monkeypatch.setenv("UNSINTER_CACHE", str(tmp_path / "cache"))
    folder = tilt(shutil.copytree(model_folder("detached"), tmp_path / "tilted"))
    study = write_study(
        models=[{"name": "tiny", "path": str(folder), "dtype": "float32", "wrap": True}], targets=["D"]
    )
    return study, folder, tmp_path / "run"


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("verb", ["run", "extract"])
def test_without_the_flag_nothing_runs_and_nothing_is_written(wrapped, tmp_path, verb):
    study, folder, run = wrapped
    (folder / "modeling_tilted.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", encoding="utf-8")
    code, words = call(verb, study, *(["--out", run] if verb == "run" else []))
    assert code == 2
    assert "made by Python code of the folder" in words
    assert "read that code, then give --run-model-code" in words
    assert not run.exists()
    assert not (tmp_path / "ran").exists()
    assert call("check", study)[0] == 0
    code, words = call("doctor", "--study", study)
    assert (code, "a forecast runs no code" in words) == (2, True)
    assert not (tmp_path / "ran").exists()


def test_with_the_flag_the_study_reads_what_its_code_computes(wrapped, write_study):
    study, _, run = wrapped
    code, words = call("run", study, "--out", run, "--run-model-code")
    assert code == 0, words
    identity = json.loads((run / "summary.json").read_text(encoding="utf-8"))["models"]["tiny"]["identity"]
    assert len(identity["code"]) == 64
    assert "--run-model-code" in (run / "report.html").read_text(encoding="utf-8")
    code, words = call("run", write_study(targets=["D"]), "--out", run.with_name("plain"))
    assert code == 0, words
    scores = [pd.read_parquet(at / "predictions.parquet")["score"] for at in (run, run.with_name("plain"))]
    assert abs(scores[0] - scores[1]).max() > 0.01
    prompt = str(pd.read_parquet(run / "prompts.parquet")["id"].iloc[0])
    code, words = call("show", run, "--prompt", prompt)
    assert (code, "made by Python code of the folder" in words) == (2, True)


def test_a_folder_without_code_is_named_by_check(wrapped):
    study, _, run = wrapped
    table = yaml.safe_load(study.read_text(encoding="utf-8"))
    table["models"][0]["path"] = str(model_folder("detached"))
    study.write_text(yaml.safe_dump(table), encoding="utf-8")
    assert "auto_map" in call("check", study)[1]  # in a cell, whose lines are broken
    code, words = call("run", study, "--out", run, "--run-model-code")
    assert (code, "drop wrap" in words) == (2, True)
