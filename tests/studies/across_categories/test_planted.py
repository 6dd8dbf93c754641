"""The seed question asked of the two shipped models, whose answer was planted."""

from collections import Counter

import numpy as np
import pytest
import yaml

from unsinter.features.extract.extraction import extract
from unsinter.features.extract.in_memory import InMemoryStore
from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.model.model import load_model
from unsinter.features.records.record import ResponseRecord
from unsinter.features.rendering.rendering import render
from unsinter.studies.across_categories.analysis import across_site, plan_across
from unsinter.studies.across_categories.data import make_data
from unsinter.studies.across_categories.rule import AcrossRule
from unsinter.studies.data.dataset import make_dataset
from unsinter.studies.data.load import label_record, read_study_prompts
from unsinter.studies.planted import MODELS, model_folder
from unsinter.studies.study.file import Study

SITES = [(3, "template_end"), (6, "template_end"), (3, "instruction_mean")]
SEEDS = range(10)


@pytest.fixture(scope="session")
def planted_answers(repository, tmp_path_factory):
    """Per model: labels, and activations of three sites; one sampled answer per prompt, as in the demo."""
    study = Study.model_validate(yaml.safe_load((repository / "studies" / "demo.yaml").read_text("utf-8")))
    dataset = make_dataset(read_study_prompts(study.prompts, seed=study.seed), study)
    outcome = {}
    for name in MODELS:
        model = load_model(str(model_folder(name)), dtype="float32")
        rendered = render([(prompt.id, prompt.prompt) for prompt in dataset.prompts], model)
        layers, positions = [3, 6], ["template_end", "instruction_mean"]
        activations = extract(model, rendered, InMemoryStore(), layers=layers, positions=positions)
        settings = GenerationSettings(max_new_tokens=40, temperature=1.0)
        path = tmp_path_factory.mktemp(name) / "answers.jsonl"
        records = generate_responses(model, rendered, path, settings=settings)
        answers = [
            label_record(ResponseRecord.model_validate(record), prompt)
            for record, prompt in zip(records, dataset.prompts, strict=True)
        ]
        data = make_data(
            (dataset.harm == "harmful").astype(int),
            categories=dataset.topics,
            wording=[answer.wording or "" for answer in answers],
            groups=dataset.groups,
        )
        outcome[name] = data, {site: activations.activations(*site) for site in SITES}
    return outcome


@pytest.fixture(scope="session")
def planted_results(planted_answers):
    """Per model and site: the answers of ten seeds of the split."""
    outcome = {}
    for name, (data, activations) in planted_answers.items():
        for seed in SEEDS:
            plan = plan_across(data, AcrossRule(seed=seed, n_draws=300))
            for site, X in activations.items():
                outcome.setdefault((name, site), []).append(across_site(X, plan))
    return outcome


@pytest.mark.slow
@pytest.mark.parametrize("site", SITES, ids=lambda site: f"{site[1]}-{site[0]}")
@pytest.mark.parametrize("name", MODELS)
def test_what_was_planted_is_decided_at_nine_of_ten_seeds(planted_results, name, site):
    fell = Counter(result.decision for result in planted_results[name, site])
    assert fell[name] >= 9, fell


@pytest.mark.slow
def test_sintered_wording_looks_decodable_until_the_category_is_held_fixed(planted_results):
    for result in planted_results["sintered", (6, "template_end")]:
        outcome = result.wording
        assert outcome.pooled.low > 0.8
        assert outcome.within.high < 0.65
        assert outcome.gap.low > 0.25
        # Nearly all of it is what the category alone tells.
        assert outcome.pooled.value < outcome.category_alone.value + 0.03


@pytest.mark.slow
def test_detached_wording_is_read_as_well_within_a_category_as_on_pooled_rows(planted_results):
    for result in planted_results["detached", (6, "template_end")]:
        outcome = result.wording
        assert outcome.within.low > 0.95
        assert outcome.transfer.low > 0.95
        assert outcome.category_alone.value < 0.6
        assert abs(outcome.gap.value) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_harm_is_nearly_one_axis_over_all_categories_where_the_answer_begins(planted_results, name):
    for result in planted_results[name, (6, "template_end")]:
        assert result.detection.own.low > 0.95
        assert result.detection.normalised.low > 0.95
        assert result.directions.share.low > 0.9
        assert result.directions.rank < result.directions.rank_no_axis.low


@pytest.mark.slow
def test_with_wordings_shuffled_inside_categories_nothing_is_detached(planted_answers):
    data, activations = planted_answers["detached"]
    rng = np.random.default_rng(0)
    styles = data.wordings[:, 0].copy()
    for name in data.known_categories:
        rows = np.flatnonzero((data.categories == name) & (styles != ""))
        styles[rows] = rng.permutation(styles[rows])
    shuffled = make_data(data.harmful, categories=data.categories, wording=styles, groups=data.groups)
    result = across_site(activations[6, "template_end"], plan_across(shuffled, AcrossRule(n_draws=300)))
    assert result.decision == "cannot tell"
    assert result.wording.within.low < 0.5 < result.wording.within.high
