"""An answer may end at the first sentence that decides its label; by default it does not."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch

from unsinter.features.generate import generate as generate_module
from unsinter.features.generate.early_stop import StopAtText, StopWhenDecided
from unsinter.features.generate.generate import GenerationError, GenerationSettings, generate_responses
from unsinter.features.generate.turn_end import AnswerEnd
from unsinter.features.labelling import label_response
from unsinter.features.rendering.rendering import render
from unsinter.studies.planted import demo_prompts

TEXTS = [
    "I'm sorry, but I can't help with that. Is there anything else?",
    "Well. The old town lies on a river and it has a bridge.",
]


class Letters:
    """A tokenizer of one letter a token."""

    all_special_ids = ()
    added_tokens_decoder: dict = {}  # noqa: RUF012

    def decode(self, ids, **_settings):
        return "".join(map(chr, ids))

    def convert_ids_to_tokens(self, token):
        return chr(token)


def ended_at(text):
    stop = StopWhenDecided(Letters(), n_prompt=3, opened=[None])
    for n in range(1, len(text) + 1):
        if bool(stop(torch.tensor([[0, 0, 0, *map(ord, text[:n])]]), None)[0]):
            return text[: stop.n_tokens[0]]
    return None


def test_an_answer_ends_with_the_sentence_that_decides_its_label():
    assert ended_at(TEXTS[0]) == "I'm sorry, but I can't help with that."


@pytest.mark.parametrize("text", ["Well.", "I'm sorry.", "I hear you.", "It is 3.", "No."])
def test_a_sentence_that_decides_nothing_ends_nothing(text):
    assert ended_at(text) is None


def test_a_batch_of_a_real_model_holds_what_it_held_up_to_there_and_the_same_labels(planted, tmp_path):
    prompts = demo_prompts(pairs=10, wrapped=2, wrapped_twins=2, over_refused=2)
    rows = render([(record["id"], record["prompt"]) for record in prompts], planted)
    how = GenerationSettings(max_new_tokens=32)
    whole = generate_responses(planted, rows, tmp_path / "w.jsonl", settings=how)
    short = generate_responses(planted, rows, tmp_path / "s.jsonl", settings=replace(how, until="answer"))
    assert sum(r["n_tokens"] for r in short) <= sum(r["n_tokens"] for r in whole)
    for a, b in zip(whole, short, strict=True):
        assert a["response_opening"].startswith(b["response_opening"])
        labels = [label_response(r["response_opening"], truncated=r["truncated"]) for r in (a, b)]
        assert labels[0].refusal == labels[1].refusal


@pytest.fixture
def rows(planted):
    prompts = demo_prompts(pairs=10, wrapped=2, wrapped_twins=2, over_refused=2)
    return render([(record["id"], record["prompt"]) for record in prompts], planted)


HEATED = {"temperature": 1.2, "samples": 2, "seed": 3}


@pytest.mark.parametrize("heat", [{}, HEATED])
@pytest.mark.parametrize("stop", [(" ",), ("help", " can"), ("nowhere",)])
def test_an_answer_ends_before_the_first_of_its_stop_texts(planted, rows, tmp_path, heat, stop):
    how = GenerationSettings(max_new_tokens=12, **heat)
    whole = generate_responses(planted, rows, tmp_path / "w.jsonl", settings=how)
    short = generate_responses(planted, rows, tmp_path / "s.jsonl", settings=replace(how, stop=stop))
    for a, b in zip(whole, short, strict=True):
        text = a["response_opening"]
        ends = [text.index(mark) for mark in stop if mark in text]
        assert b["response_opening"] == (text[: min(ends)] if ends else text)
        assert b["truncated"] == (a["truncated"] and not ends)
        assert b["n_tokens"] <= a["n_tokens"]
    assert len({record["response_opening"] for record in short}) > 1
    if stop != ("nowhere",):
        assert any(a["response_opening"] != b["response_opening"] for a, b in zip(whole, short, strict=True))


def test_a_batch_writes_no_further_once_all_its_answers_have_ended(planted, rows, tmp_path, monkeypatch):
    widths, original = [], generate_module.generate_ids

    def spy(model, own, config, **others):
        output = original(model, own, config, **others)
        if torch.is_tensor(output):
            widths.append(output.shape[1] - max(len(row.token_ids) for row in own))
        return output

    monkeypatch.setattr(generate_module, "generate_ids", spy)
    how = GenerationSettings(max_new_tokens=12, stop=(" ", "'", ",", "."))
    generate_responses(planted, rows, tmp_path / "s.jsonl", settings=how)
    assert widths
    assert max(widths) < 8


def test_a_stop_text_that_begins_in_the_prompt_ends_nothing():
    end = AnswerEnd(model_ids=(), stop=("ab",))
    stop = StopAtText(Letters(), n_prompt=1, end=end)
    assert stop(torch.tensor([[ord("a"), ord("b")], [ord("a"), ord("a")]]), None).tolist() == [False, False]
    ids = torch.tensor([[ord(letter) for letter in "xab"]])
    assert stop(ids, None).tolist() == [True]
    assert end.read([ord(letter) for letter in "say ab"], Letters()) == ("say ", 4, True)


@pytest.mark.parametrize("stop", ["text", ("",), (3,)])
def test_stop_texts_that_are_none_are_refused(stop):
    with pytest.raises(GenerationError, match="stop must be texts"):
        GenerationSettings(stop=stop)


def test_the_default_makes_the_digest_that_it_made_before_the_choice_was_there(planted):
    end = SimpleNamespace(is_extended=False)
    plan = SimpleNamespace(
        model=planted, settings=GenerationSettings(), end=end, mates="any length", opened=None
    )
    before = generate_module.json.dumps(
        {"model": dict(planted.identity),
         "settings": {k: v for k, v in asdict(plan.settings).items() if k not in ("until", "stop")}},
        sort_keys=True,
    )  # fmt: skip
    expected = generate_module.hashlib.sha256(before.encode()).hexdigest()[:16]
    assert generate_module._Plan.digest.fget(plan) == expected
    for other in ({"until": "answer"}, {"stop": ["."]}):
        plan.settings = GenerationSettings(**other)
        assert generate_module._Plan.digest.fget(plan) != expected


def test_another_word_is_refused():
    with pytest.raises(GenerationError, match="until must be 'end' or 'answer', got 'soon'"):
        GenerationSettings(until="soon")
