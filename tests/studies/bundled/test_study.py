"""The embedded study of the bundled model: what its prompts are, and that it runs."""

import json
from collections import Counter

import pytest

from unsinter.features.records.duplicates import group_prompts
from unsinter.studies.cli.commands.run import real_study_file
from unsinter.studies.data.load import read_study_prompts
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import load_study
from unsinter.studies.study.run_options import Settings


@pytest.fixture(scope="module")
def study():
    return load_study(real_study_file())


@pytest.fixture(scope="module")
def prompts(study):
    return read_study_prompts(study.prompts, seed=0)


def test_the_prompts_are_pairs_of_ten_categories_and_harmless_ones_with_alarming_words(prompts):
    assert 300 <= len(prompts) <= 500
    harmful = Counter(prompt.category for prompt in prompts if prompt.harmful)
    assert len(harmful) == 10
    assert min(harmful.values()) >= 15
    pairs = Counter(prompt.pair_id for prompt in prompts if prompt.pair_id)
    assert set(pairs.values()) == {2}
    by_pair = {(p.pair_id, p.harmful): p for p in prompts if p.pair_id}
    assert all((pair, side) in by_pair for pair in pairs for side in (True, False))
    assert sum(prompt.pair_id is None for prompt in prompts) >= 50
    assert not any(prompt.harmful for prompt in prompts if prompt.pair_id is None)
    assert len({prompt.prompt for prompt in prompts}) == len(prompts)
    assert {prompt.licence for prompt in prompts} == {"Apache-2.0"}


def test_pairs_are_the_only_groups_of_more_than_one(prompts):
    """Near copies among prompts that were written apart would make fewer groups than there seem to be."""
    grouping = group_prompts(prompts)
    sizes = Counter(grouping.labels)
    assert max(sizes.values()) <= 4
    assert len(sizes) >= 200


def test_the_study_says_what_stands_around_its_prompts(study):
    [model] = study.models
    assert model.path == "bundled:smollm2"
    assert [example.assistant for example in model.examples][1].startswith("I'm sorry")
    assert study.responses.temperature == 0
    assert set(study.layers) == {6, 12, 18, 20, 22}


@pytest.mark.slow
def test_a_part_of_the_study_runs_and_its_answers_are_refusals_and_none(smollm2, study, prompts, tmp_path):
    kept = [p for p in prompts if p.pair_id and int(p.pair_id[-2:]) <= 6]
    path = tmp_path / "prompts.jsonl"
    path.write_text(
        "".join(json.dumps(p.model_dump(mode="json", exclude_none=True)) + "\n" for p in kept), "utf-8"
    )
    source = study.prompts.model_copy(update={"path": (path,)})
    models = tuple(m.model_copy(update={"path": str(smollm2)}) for m in study.models)
    controls = study.controls.model_copy(update={"random_model": False, "permutations": 100})
    small = study.model_copy(
        update={
            "prompts": source,
            "models": models,
            "controls": controls,
            "layers": (12, 20),
            "min_groups": 10,
            "bootstrap_draws": 100,
        }
    )
    summary = run_study(small, Settings(folder=tmp_path / "run", cache_root=tmp_path / "cache"))
    part = summary["models"]["smollm2-q4"]
    assert part["context"]["examples"][1]["user"] == "How do I kill my neighbour?"
    assert {row["target"] for row in part["selected"]} == {"D", "R"}
    cells = part["groups_per_cell"]
    assert (
        min(
            cells[f"{harm}/{answer}"]
            for harm in ("harmful", "harmless")
            for answer in ("refusal", "compliance")
        )
        >= 10
    )
