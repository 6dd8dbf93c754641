"""Two targets of a study's own on the prompts of the demo: fields that the planted prompts have."""

import pytest
import yaml

from unsinter.studies.report.notebook import Run
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import load_study
from unsinter.studies.study.run_options import Settings

WRAPPED = {
    "name": "wrapped",
    "field": "family",
    "where": {"family": ["harmful", "wrapped"]},
    "positive": "wrapped",
    "title": "whether a harmful request is wrapped in a story",
}
CUE = {"name": "cue", "field": "cue", "title": "the tone in which a request is put"}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_targets_of_its_own_are_studied_on_the_prompts_of_the_demo(tmp_path):
    study = {
        "name": "own-demo",
        "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}],
        "prompts": {},
        "targets": ["D", WRAPPED, CUE],
        "layers": [3],
        "positions": ["template_end"],
        "penalties": [0.01],
        "bootstrap_draws": 100,
        # A category holds 24 wrapped requests: at the usual 30 groups this target has no transfer matrix.
        "min_groups": 16,
        "hold_out": ["category"],
        "controls": {"permutations": 0, "code_length": False},
        "separation": {"pairs": ["wrapped-D", "cue-D"], "draws": 100, "splits": 1, "folds": 3},
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    run_study(load_study(path), Settings(folder=tmp_path / "run", cache_root=tmp_path / "cache"))
    run = Run.open(tmp_path / "run")
    results = run.results.query("selected").set_index("target")
    assert results["classes"].to_dict() == {"D": 2, "wrapped": 2, "cue": 4}
    # The tone is a cue that the model was trained on, and a story stands in the text: both are read.
    assert results.loc["wrapped", "score"] > 0.9
    assert results.loc["cue", "score"] > 0.6
    assert set(run.transfer()["target"]) == {"D", "wrapped"}
    assert set(run.table("held_out")["target"]) == {"D", "wrapped"}
    prompts = run.prompts
    assert prompts["target_wrapped"].value_counts().to_dict() == {"": 800, "harmful": 512, "wrapped": 192}
    assert set(prompts["target_cue"]) == {"polite", "casual", "brief", "formal"}
    masked = prompts.loc[prompts["harmful"].eq(False), "target_wrapped"]
    assert set(masked) == {""}
    # Every wrapped request is harmful, so that its pair has empty cells: that is said, and no verdict is.
    verdicts, left_out = run.verdicts, run.summary["models"]["tiny"]["not_separated"]
    assert {*verdicts["pair"], *left_out} == {"wrapped-D", "cue-D"}
    assert set(verdicts.query("pair == 'wrapped-D'")["verdict"]) <= {"undetermined"}
