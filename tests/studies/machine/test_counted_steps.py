"""Every step that a run logs is one that the forecast counts, and none that it counts is missing."""

import json

import pytest

from unsinter.studies.machine.predicted import COUNTED, NOT_COUNTED
from unsinter.studies.machine.study_forecast import model_forecasts
from unsinter.studies.planted.corpus import demo_prompts
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import load_study
from unsinter.studies.study.run_options import Settings

OWN_ANSWERS = {"max_new_tokens": 12}
EVERYTHING = {
    "models": [
        {"name": "one", "path": "planted:detached", "dtype": "float32"},
        {"name": "other", "path": "planted:sintered", "dtype": "float32"},
    ],
    "responses": OWN_ANSWERS,
    "targets": ["D", "R", "W"],
    "hold_out": ["source", "category"],
    "transfer": ["category", "source"],
    "separation": {"pairs": ["D-R"], "draws": 100, "splits": 1, "erased_contrasts": 1},
    "causal": {"random": 2, "permuted": 2},
    "min_groups": 5,
}


def field_of(step):
    """Return the field whose words begin the name of a step, the model left out: of several, the longest."""
    name = step.rpartition(": ")[2] if step.count(": ") else step
    matching = [
        (prefix, field)
        for field, prefixes in COUNTED.items()
        for prefix in prefixes
        if name.startswith(prefix)
    ]
    return max(matching, key=lambda pair: len(pair[0]))[1] if matching else None


def counted_and_logged(study, folder):
    """Return the fields that the forecast gives seconds, and those whose steps stand in the log."""
    first = next(model_forecasts(study)).forecast
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [event["step"] for event in events if event["event"] == "step"]
    assert [step for step in steps if field_of(step) is None] == []
    return {name for name in COUNTED if getattr(first, name) > 0}, {field_of(step) for step in steps}


@pytest.mark.exhaustive
def test_a_run_of_everything_logs_the_steps_that_its_forecast_counts(write_study, tmp_path):
    records = demo_prompts(pairs=60, wrapped=24, wrapped_twins=12, over_refused=12)
    prompts = [record | {"source": ("even", "odd")[i % 4 // 2]} for i, record in enumerate(records)]
    study = load_study(write_study(prompts=prompts, whole=True, **EVERYTHING))
    run_study(study, Settings(folder=tmp_path / "run", cache_root=tmp_path / "cache"))
    counted, logged = counted_and_logged(study, tmp_path / "run")
    assert counted == logged == set(COUNTED)


def test_a_run_of_one_model_without_comparisons_logs_the_few_steps_that_its_forecast_counts(shown_run):
    study = load_study(shown_run.parent / "study.yaml")
    counted, logged = counted_and_logged(study, shown_run)
    kept = {"start", "record", "reading", "answering", "probing"}
    assert counted == logged == {f"{name}_seconds" for name in kept}


def test_only_tuning_is_not_counted():
    assert NOT_COUNTED == ("trials",)
    assert field_of("one: trials for D") is None
    assert field_of("one: probes for D") == "probing_seconds"
    assert field_of("probes across models") == "comparing_seconds"
    assert field_of("one: causal check, site 1 of 2") == "causal_seconds"
