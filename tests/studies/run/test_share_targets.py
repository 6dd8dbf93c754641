"""A study whose targets are shares of sampled answers, as its run folder, report and exports show it."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from unsinter.studies import Settings, load_study, run_study
from unsinter.studies.cli.app import app
from unsinter.studies.explorer.axes import model_axes
from unsinter.studies.planted import demo_prompts
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.study.file import StudyError


@pytest.fixture(scope="module")
def sampled_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shares")
    records = demo_prompts(pairs=24, wrapped=8, wrapped_twins=8, over_refused=8)
    (folder / "prompts.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    study = {
        "name": "shares",
        "models": [
            {"name": name, "path": f"planted:{name}", "dtype": "float32"} for name in ("detached", "sintered")
        ],
        "prompts": {"path": ["prompts.jsonl"]},
        "responses": {"max_new_tokens": 8, "samples": 3, "temperature": 1.5},
        "targets": ["D", "R", "R_share"],
        "positions": ["template_end"],
        "layers": [4],
        "penalties": [0.01],
        "bootstrap_draws": 100,
        "min_groups": 5,
        "transfer": [],
        "separation": {"pairs": []},
        "controls": {"permutations": 100, "code_length": False},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    summary = run_study(load_study(path), Settings(folder=folder / "run", cache_root=folder / "cache"))
    return folder / "run", summary


def test_a_run_shows_shares_beside_floor_control_and_ceiling(sampled_run):
    folder, _ = sampled_run
    results = pd.read_parquet(folder / "results.parquet").set_index(["model", "target"])
    row = results.loc["detached", "R_share"]
    rows = pd.read_parquet(folder / "rows.parquet")
    own = rows[rows["model"] == "detached"].set_index("id")
    scored = pd.read_parquet(folder / "predictions.parquet").query(
        "model == 'detached' and target == 'R_share'"
    )
    shares = scored.groupby("id")["truth"].apply(lambda truth: (truth == "refusal").mean())
    assert shares.to_dict() == pytest.approx(own.loc[shares.index, "refused_share"].to_dict())
    assert row["score"] == pytest.approx(roc_auc_score(scored["truth"] == "refusal", scored["score"]))
    assert row["score_low"] <= row["score"] <= row["score_high"]
    assert np.isfinite([row["floor"], row["ceiling"], row["random_model"], row["layer0_mean"]]).all()
    assert 0.5 < row["ceiling"] <= 1
    assert row["n_test"] == len(scored) > row["groups_test"]


def test_no_table_that_takes_one_label_of_a_prompt_holds_shares(sampled_run):
    folder, _ = sampled_run
    differences = pd.read_parquet(folder / "model_differences.parquet")
    assert set(differences["target"]) == {"D", "R"}
    assert not (folder / "transfer.parquet").exists()
    axes = model_axes(read_evidence(folder), "detached").axes
    assert [axis.target for axis in axes] == ["D", "R"]


def test_probes_of_shares_are_exported_and_the_report_names_them(sampled_run, tmp_path):
    folder, _ = sampled_run
    assert list((folder / "probes").glob("detached-R_share-*.safetensors"))
    assert "how often a prompt is refused" in (folder / "report.html").read_text(encoding="utf-8")
    result = CliRunner().invoke(
        app, ["export", str(folder), "--target", "R_share", "--model", "detached", "--out", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"responses": {"max_new_tokens": 8}}, "target R_share needs several answers of each prompt"),
        ({"responses": None}, "target R_share needs responses"),
        (
            {
                "targets": ["R_share", {"name": "mine", "field": "source"}],
                "separation": {"pairs": ["mine-R_share"]},
            },
            "name R in place of R_share",
        ),
        ({"targets": [{"name": "r_SHARE", "field": "source"}]}, "this name is taken"),
        ({"targets": ["R_shares"]}, "R_share"),
    ],
)
def test_a_study_that_cannot_have_shares_is_refused_in_one_line(tmp_path, changes, words):
    study = {
        "name": "s",
        "models": [{"name": "m", "path": "planted:detached"}],
        "prompts": {},
        "targets": ["R_share"],
        "responses": {"samples": 3, "temperature": 1.0},
        "separation": {"pairs": []},
    } | changes
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({k: v for k, v in study.items() if v is not None}))
    with pytest.raises(StudyError, match=words):
        load_study(tmp_path / "study.yaml")
