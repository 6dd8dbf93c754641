import json

import numpy as np
import pytest

from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.load import read_recorded_responses
from unsinter.studies.data.sites import Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.floors import text_floors
from unsinter.studies.probing.pooled_floor import RecordedAnswers, pooled_floor
from unsinter.studies.probing.types import score
from unsinter.studies.study.sections import ResponseSource

NAMES = "tin oak fig elm ash yew bay box cup fan hat ink jar kit log map net pan rug saw"
WORDS = np.array(NAMES.split())


def study(seed, *, n=240, own=40):
    """Three models refuse by the same words; the studied one has few labels, the others many."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=5, replace=False)) for _ in range(n)]
    weight = dict(zip(WORDS, rng.normal(size=len(WORDS)), strict=True))
    signal = np.array([sum(weight[w] for w in text.split()) for text in texts])
    held_out = np.arange(n) >= n - 100

    def labels():
        return np.where(signal + 0.5 * rng.normal(size=n) > 0, "refusal", "compliance").astype("<U10")

    answers = {name: labels() for name in ("studied", "a", "b")}
    answers["studied"][own : n - 100] = ""
    target = Target(name="R", labels=answers["studied"], classes=("compliance", "refusal"))
    rows = Rows(train=np.arange(own), test=np.flatnonzero(held_out), inner=np.arange(own) % 3)
    return target, texts, rows, answers, np.array([f"g{i}" for i in range(n)]), held_out


def answers_of(labels, groups, held_out):
    return RecordedAnswers(labels=labels, studied="studied", groups=groups, held_out=held_out)


def floor_of(seed=0, **changes):
    target, texts, rows, answers, groups, held_out = study(seed)
    arguments = {"texts": texts, "answers": answers, "groups": groups, "held_out": held_out} | changes
    return (
        target,
        rows,
        texts,
        pooled_floor(
            target,
            arguments["texts"],
            rows,
            answers_of(arguments["answers"], arguments["groups"], arguments["held_out"]),
        ),
    )


def test_what_other_models_answered_makes_a_stronger_floor_than_words_alone():
    pooled, words = [], []
    for seed in range(3):
        target, rows, texts, floor = floor_of(seed)
        truth = target.labels[rows.test]
        pooled.append(score(target, floor.scores, truth)[0])
        words.append(score(target, text_floors(target, texts, rows)[0].scores, truth)[0])
        assert (floor.name, floor.kind) == ("words+model", "text")
    assert np.mean(pooled) > np.mean(words) + 0.05


def test_no_models_answer_to_a_held_out_prompt_is_learned_from():
    answers = study(0)[3]
    scrambled = {name: labels.copy() for name, labels in answers.items()}
    for name in ("a", "b"):
        scrambled[name][-100:] = "refusal"
    before, after = floor_of()[3], floor_of(answers=scrambled)[3]
    np.testing.assert_array_equal(before.scores, after.scores)
    scrambled["a"][:140] = "refusal"
    assert (floor_of(answers=scrambled)[3].scores != before.scores).any()


def test_a_held_out_prompt_without_a_defined_label_is_not_learned_from_either():
    held_out, answers = study(0)[5].copy(), study(0)[3]
    held_out[60:120] = True  # the studied model has no label there, so they are no test rows of the target
    scrambled = {name: labels.copy() for name, labels in answers.items()}
    scrambled["a"][60:120] = "refusal"
    before = floor_of(held_out=held_out)[3]
    after = floor_of(held_out=held_out, answers=scrambled)[3]
    np.testing.assert_array_equal(before.scores, after.scores)


@pytest.mark.parametrize("seed", range(3))
def test_its_penalty_is_chosen_on_prompts_that_no_model_s_answer_was_learned_from(seed, monkeypatch):
    """Few words tell, each text has one of its own, labels are noisy: both penalties rank unseen texts alike,
    and the low one pays only if other models' answers to the very prompts that are scored take part."""
    rng = np.random.default_rng(seed)
    texts = [f"{('steal take rob grab', 'wash wipe rinse dry')[i % 2]} w{i}" for i in range(240)]
    flip = rng.random(240) < 0.3
    labels = np.array(["refusal", "compliance"])[(np.arange(240) % 2 + flip) % 2]
    target = Target(name="R", labels=labels, classes=("compliance", "refusal"))
    rows = Rows(train=np.arange(160), test=np.arange(160, 240), inner=np.arange(160) // 54)

    def scores(penalties):
        monkeypatch.setattr("unsinter.studies.probing.pooled_floor.PENALTIES", penalties)
        answers = {"studied": labels, "a": labels, "b": labels}
        groups = np.arange(240).astype(str)
        return pooled_floor(target, texts, rows, answers_of(answers, groups, np.arange(240) >= 160)).scores

    honest = scores((30.0, 1e-4))
    np.testing.assert_array_equal(honest, scores((30.0,)))
    assert (honest != scores((1e-4,))).any()


def test_nothing_is_learned_from_another_prompt_of_a_held_out_group():
    """A prompt outside the held-out mask that shares a group with a scored row must not train."""
    answers, groups = study(0)[3], study(0)[4]
    groups[100:130] = groups[200]
    scrambled = {name: labels.copy() for name, labels in answers.items()}
    scrambled["a"][100:130] = "refusal"
    before, after = floor_of(groups=groups)[3], floor_of(groups=groups, answers=scrambled)[3]
    np.testing.assert_array_equal(before.scores, after.scores)


def test_words_of_held_out_prompts_are_in_no_vocabulary():
    texts = study(0)[1]
    changed = [text if i < 200 else f"{text} zebra quagga" * 9 for i, text in enumerate(texts)]
    before, after = floor_of()[3], floor_of(texts=changed)[3]
    np.testing.assert_array_equal(before.scores[:60], after.scores[:60])  # scored rows 140 to 199 kept theirs


def test_it_knows_which_model_answered():
    """Every prompt says the same, and the others always do the opposite of the studied model."""
    texts = ["the same words"] * 90
    labels = np.array(["compliance", "refusal"])[(np.arange(90) % 10 == 0).astype(int)]
    opposite = np.array(["compliance", "refusal"])[(np.arange(90) % 10 != 0).astype(int)]
    target = Target(name="R", labels=labels, classes=("compliance", "refusal"))
    rows = Rows(train=np.arange(60), test=np.arange(60, 90), inner=np.arange(60) // 20)
    recorded = {"studied": labels, "a": opposite, "b": opposite}
    answers = answers_of(recorded, np.arange(90).astype(str), np.arange(90) >= 60)
    floor = pooled_floor(target, texts, rows, answers)
    assert (floor.scores < 0).all()  # nine in ten of its answers comply; of all answers two in three refuse


def test_one_models_answers_give_no_such_floor():
    answers = {"studied": study(0)[3]["studied"]}
    assert floor_of(answers=answers)[3] is None
    answers["a"] = np.full(240, "")
    assert floor_of(answers=answers)[3] is None


def test_all_models_of_the_real_files_are_read_as_each_would_be_alone(shared_data):
    source = ResponseSource(path=(shared_data / "responses.jsonl",), model="gpt-4")
    prompts = [PromptRecord(id=f"xstest/{i:03}", prompt="a", harmful=False) for i in range(1, 40)]
    result = read_recorded_responses(source, prompts)
    assert sorted(result) == [
        "gpt-4",
        "llama-2-chat/no-system-prompt",
        "llama-2-chat/original-system-prompt",
        "mistral-instruct",
        "mistral-instruct/guardrail-prompt",
    ]
    lines = (shared_data / "responses.jsonl").read_text(encoding="utf-8").splitlines()
    in_file = {(r["model"], r["prompt_id"]): r["label"] for r in map(json.loads, lines)}
    for name, answers in result.items():
        assert [a.refusal for a in answers] == [in_file[name, prompt.id] for prompt in prompts]
