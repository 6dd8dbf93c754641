import numpy as np
import pytest

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.dataset import make_dataset
from unsinter.studies.data.targets import Response
from unsinter.studies.separation.inputs.study_pairs import study_pairs
from unsinter.studies.study.file import Study
from unsinter.studies.study.sections import Separation

STYLES = ("apology", "policy", "advice")


@pytest.fixture(scope="module")
def dataset():
    """480 prompts in 240 twin pairs: harm and its harmless twin share one of three topics."""
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(400)]
    records = []
    for pair in range(240):
        for harmful in (True, False):
            text = " ".join(rng.choice(words, 12)) + (" bad" if harmful else " good")
            topic = f"topic{pair % 3}"
            record = {"id": f"{pair}{harmful}", "prompt": text, "harmful": harmful, "group": f"g{pair}"}
            records.append(PromptRecord(**record, **({"category": topic} if harmful else {"topic": topic})))
    study = Study.model_validate(
        {"name": "s", "models": [{"name": "m", "path": "planted:detached"}], "prompts": {}}
    )
    return make_dataset(records, study)


@pytest.fixture(scope="module")
def responses(dataset):
    """Seven in ten harmful prompts and three in ten harmless ones are refused, in styles drawn at random."""
    rng = np.random.default_rng(1)
    result = []
    for row, harm in enumerate(dataset.harm):
        refused = rng.random() < (0.7 if harm == "harmful" else 0.3)
        kind = "partial_refusal" if row % 50 == 7 else "refusal" if refused else "compliance"
        wording = str(rng.choice(STYLES)) if kind == "refusal" else None
        result.append(Response(refusal=kind, wording=wording, label_source="test"))
    return result


def ask(dataset, responses, *, targets=("D", "C", "R", "W"), present=None, **settings):
    here = np.ones(len(dataset.ids), dtype=bool) if present is None else present
    return study_pairs(dataset, responses, Separation(**settings), targets=targets, is_present=here)


def test_every_pair_is_asked_class_by_class_and_binary_factors_once(dataset, responses):
    contrasts, left_out = ask(dataset, responses)
    result = {}
    for contrast in contrasts:
        result.setdefault(contrast.name, []).append((contrast.first_class, contrast.second_class))
    topics = ["topic0", "topic1", "topic2"]
    assert result["D-R"] == [("harmful", "refusal")]
    assert result["D-W"] == [("harmful", style) for style in sorted(STYLES)]
    assert result["C-W"] == [(topic, style) for topic in topics for style in sorted(STYLES)]
    assert result["D-topic"] == [("harmful", topic) for topic in topics]
    assert left_out == {}


def test_codes_hold_where_both_labels_are_known_and_nowhere_else(dataset, responses):
    contrasts = {
        (c.name, c.second_class): c for c in ask(dataset, responses)[0] if c.first_class == "harmful"
    }
    refusals = np.array([r.refusal for r in responses])
    by_refusal = contrasts["D-R", "refusal"].pair
    assert (by_refusal.z[refusals == "partial_refusal"] == -1).all()
    assert (by_refusal.w[refusals == "refusal"] == 1).all()
    assert (by_refusal.w[refusals == "compliance"] == 0).all()
    by_style = contrasts["D-W", "policy"].pair
    wordings = np.array([r.wording or "" for r in responses])
    assert (by_style.w[refusals != "refusal"] == -1).all()
    assert (by_style.w[wordings == "policy"] == 1).all()
    assert ((by_style.z == 1) == ((dataset.harm == "harmful") & (refusals == "refusal"))).all()


def test_a_topic_is_held_fixed_only_where_both_sides_of_harm_carry_one(dataset, responses):
    contrasts, _ = ask(dataset, responses)
    has_strata = {contrast.name: contrast.pair.strata is not None for contrast in contrasts}
    assert has_strata == {"D-R": True, "D-W": True, "C-W": False, "D-topic": False}
    bare = [record.model_copy(update={"topic": None}) for record in dataset.prompts]
    without = type(dataset)(prompts=tuple(bare), ids=dataset.ids, groups=dataset.groups, split=dataset.split)
    contrasts, left_out = ask(without, responses)
    assert all(contrast.pair.strata is None for contrast in contrasts)
    assert "D-topic" not in {contrast.name for contrast in contrasts}
    assert left_out["D-topic"].startswith("D has fewer than two values")


def test_pairs_of_targets_that_are_not_studied_are_not_asked(dataset, responses):
    contrasts, left_out = ask(dataset, responses, targets=("D", "C"))
    assert {contrast.name for contrast in contrasts} == {"D-topic"}
    assert left_out == {}
    contrasts, _ = ask(dataset, [None] * len(responses), targets=("D", "C", "R", "W"))
    assert {contrast.name for contrast in contrasts} == {"D-topic"}


def test_rare_classes_and_absent_prompts_take_no_part(dataset, responses):
    rare = [
        Response(refusal=r.refusal, wording="rare" if r.wording and row < 12 else r.wording, label_source="t")
        for row, r in enumerate(responses)
    ]
    assert "rare" not in {contrast.second_class for contrast in ask(dataset, rare)[0]}
    present = np.arange(len(dataset.ids)) >= 100
    for contrast in ask(dataset, responses, present=present)[0]:
        assert (contrast.pair.z[:100] == -1).all()


def test_known_errors_of_labels_reach_the_pairs_they_concern(dataset, responses):
    contrasts, _ = ask(dataset, responses, sure={"R": (0.9, 0.95)})
    sure = {contrast.name: (contrast.pair.z_sure, contrast.pair.w_sure) for contrast in contrasts}
    assert sure["D-R"] == (None, (0.9, 0.95))
    assert sure["D-W"] == (None, None)


def test_where_classes_are_many_the_other_factor_is_read_with_the_very_class_held_fixed(dataset, responses):
    contrasts = {contrast.name: contrast for contrast in ask(dataset, responses)[0]}
    wordings = np.array([r.wording or "" for r in responses])
    assert (contrasts["C-W"].pair.first_within[wordings != ""] == wordings[wordings != ""]).all()
    harmful = dataset.harm == "harmful"
    assert (contrasts["C-W"].pair.second_within[harmful] == dataset.topics[harmful]).all()
    assert (contrasts["D-topic"].pair.first_within == dataset.topics).all()
    assert contrasts["D-topic"].pair.second_within is None
    assert contrasts["D-W"].pair.first_within is contrasts["D-R"].pair.second_within is None


def test_the_text_is_that_of_the_prompts(dataset, responses):
    contrasts, _ = ask(dataset, responses)
    assert list(contrasts[0].pair.text) == [prompt.prompt for prompt in dataset.prompts]
