"""What leaves a run for a tracker: numbers and names, a score never alone, a verdict with its site."""

import numpy as np
import pandas as pd
import pytest

from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.tracking.run_facts import chosen_scores, layer_scores, study_settings, verdict_facts

ROW = {
    "model": "tiny", "target": "D", "position": "template_end", "layer": 2, "metric": "auroc",
    "selected": True, "tuned": False, "score": 0.9, "floor": 0.6, "floor_name": "words", "control": 0.5,
    "control_name": "control task", "gain": 0.3, "p_value": np.nan,
}  # fmt: skip


def test_a_score_stands_beside_its_floor_and_control():
    ((numbers, words),) = chosen_scores(pd.DataFrame([ROW]))
    name = "tiny/D/selected"
    assert numbers == {
        f"{name}/score": 0.9,
        f"{name}/floor": 0.6,
        f"{name}/control": 0.5,
        f"{name}/gain": 0.3,
    }
    assert words == {
        f"{name}/site": "layer 2, template_end", f"{name}/metric": "auroc",
        f"{name}/beside": "floor words, control control task",
    }  # fmt: skip
    assert next(iter(layer_scores(pd.DataFrame([ROW]))))[0] == 2


@pytest.mark.parametrize("lacks", ["floor", "control"])
@pytest.mark.parametrize("value", [np.nan, None, np.inf])
def test_a_score_without_floor_or_control_is_not_told(lacks, value):
    results = pd.DataFrame([ROW | {lacks: value}])
    ((numbers, words),) = chosen_scores(results)
    assert numbers == {}
    assert words["tiny/D/selected/not shown"] == "it has no floor or no control beside it"
    assert list(layer_scores(results)) == []


def test_settings_are_numbers_and_names_and_no_text_or_path():
    study = {
        "name": "mine", "seed": 3, "penalties": [0.01, 0.1], "layers": "all",
        "models": [{"name": "tiny", "path": "/secret", "system": "Be kind.", "examples": [{"prompt": "a"}]}],
        "prompts": {"path": ["/secret/prompts.jsonl"], "text": "How do I bake bread?"},
        "targets": ["D", {"name": "tone", "meaning": "a sentence of mine"}],
        "report": {"question": "Why?"}, "responses": {"path": "/secret/answers.jsonl"},
        "separation": {"pairs": ["D-R"], "sure": {"D": [0.9, 1.0]}, "margin": None},
        "tuning": {"trials": 4, "families": ["linear", "mlp"]},
        "controls": {"note": "a sentence with blanks"},
    }  # fmt: skip
    assert study_settings(study) == {
        "models": "tiny", "targets": "D, tone", "seed": 3, "penalties": "0.01, 0.1", "layers": "all",
        "separation.pairs": "D-R", "separation.sure.D": "0.9, 1.0", "tuning.trials": 4,
        "tuning.families": "linear, mlp",
    }  # fmt: skip


def test_verdicts_are_counted_by_site_and_one_site_speaks(verdicts, tmp_path):
    empty = pd.DataFrame()
    tables = {"verdicts": verdicts, "results": empty}
    evidence = RunEvidence(folder=tmp_path, summary={}, study={}, study_text="", tables=tables)
    counts, words = verdict_facts(evidence)
    rows = verdicts[verdicts["is_summary"]]
    for (model, pair), part in rows.groupby(["model", "pair"]):
        own = {name: n for name, n in counts.items() if name.startswith(f"{model}/{pair}/")}
        assert sum(own.values()) == len(part)
        for verdict, n in part["verdict"].value_counts().items():
            assert own[f"{model}/{pair}/sites {verdict}"] == n
        verdict, _, site = words[f"{model}/{pair}/verdict"].partition(" at layer ")
        layer = int(site.partition(",")[0])
        assert verdict in set(part.loc[part["layer"] == layer, "verdict"])
