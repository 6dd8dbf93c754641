"""Figures on human-labelled real responses, and the shipped coefficients made again from the data."""

import json

import numpy as np
import pytest

from unsinter.features.labelling.agreement import agree_by_model
from unsinter.features.labelling.classifier import read_model, shipped_model
from unsinter.features.labelling.goldset import half_of, read_gold
from unsinter.features.labelling.label import label_responses
from unsinter.features.labelling.train import fit_refusal_model, main


@pytest.fixture(scope="module")
def gold(request):
    return read_gold(request.getfixturevalue("shared_data"))


def predicted(model, rows):
    labels = label_responses([row.opening for row in rows], model=model)
    return [label.refusal or "no label" for label in labels]  # counts as a disagreement


def test_no_prompt_group_is_in_both_halves(gold):
    halves = {}
    for row in gold.rows:
        halves.setdefault(row.group, set()).add(row.half)
    assert all(len(result) == 1 for result in halves.values())
    assert len({row.half for row in gold.rows}) == 2
    assert half_of("s1", seed=1) in {"development", "report"}


def test_withheld_texts_are_counted_and_left_out(gold):
    assert gold.withheld["xstest/mistral-instruct"] == 128
    assert gold.withheld["xstest/gpt-4"] == 1
    assert len(gold.xstest) == 2245 - 128 - 7 - 1
    assert "refutation" in gold.other_codes


@pytest.fixture(scope="module")
def report_accuracies(gold):
    rows = [row for row in gold.xstest if row.half == "report"]
    labels = predicted(shipped_model(), rows)
    result = agree_by_model([row.label for row in rows], labels, [row.model for row in rows])
    assert len(result) == 5
    return [part.accuracy for part in result.values()]


def test_the_report_half_keeps_the_ceiling_that_was_measured(report_accuracies):
    """What 300 characters show: ten ways to do better were tried and none did (benchmarks/README.md)."""
    assert np.mean(report_accuracies) == pytest.approx(0.897, abs=0.003)
    assert min(report_accuracies) == pytest.approx(0.851, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt-4", "llama-2", "mistral"])
def test_models_whose_whole_family_was_left_out_are_labelled_as_humans_do(gold, family):
    train = [row for row in gold.training if row.family != family]
    test = [row for row in gold.xstest if row.family == family]
    labels = predicted(fit_refusal_model(train, trained_on="test"), test)
    result = agree_by_model([row.label for row in test], labels, [row.model for row in test])
    assert all(part.accuracy >= 0.85 for part in result.values())


def test_the_shipped_coefficients_come_out_of_the_training_script(shared_data, tmp_path):
    assert main(["--data", str(shared_data), "--out", str(tmp_path)]) == 0
    again, ours = read_model(tmp_path / "refusal_model.json"), shipped_model()
    assert again.trained_on == ours.trained_on
    assert list(again.coefficients) == list(ours.coefficients)
    difference = max(
        np.abs(again.coefficients[name] - ours.coefficients[name]).max() for name in ours.coefficients
    )
    assert difference < 0.01


def test_the_shipped_model_holds_no_sentence_and_no_phrase_of_one_family():
    names = [name for name in shipped_model().coefficients if name.startswith("phrase:")]
    assert names
    assert max(len(name.removeprefix("phrase:").split()) for name in names) <= 3


def test_training_on_a_folder_without_data_ends_with_code_2(tmp_path):
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_a_response_whose_prompt_is_missing_is_named(tmp_path):
    (tmp_path / "prompts.jsonl").write_text(
        json.dumps({"id": "p", "prompt": "?", "split_group": "g"}), encoding="utf-8"
    )
    row = {
        "id": "r",
        "prompt_id": "q",
        "response_opening": "Yes.",
        "label": "compliance",
        "source": "s",
        "model": "m",
    }
    (tmp_path / "responses.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(ValueError, match="record 'r': prompt 'q'"):
        read_gold(tmp_path)
