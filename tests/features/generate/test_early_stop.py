"""An answer may end at the first sentence that decides its label; by default it does not."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch

from unsinter.features.generate import generate as generate_module
from unsinter.features.generate.early_stop import StopWhenDecided
from unsinter.features.generate.generate import GenerationError, GenerationSettings, generate_responses
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


def test_the_default_makes_the_digest_that_it_made_before_the_choice_was_there(planted):
    end = SimpleNamespace(is_extended=False)
    plan = SimpleNamespace(
        model=planted, settings=GenerationSettings(), end=end, mates="any length", opened=None
    )
    before = generate_module.json.dumps(
        {"model": dict(planted.identity),
         "settings": {k: v for k, v in asdict(plan.settings).items() if k != "until"}},
        sort_keys=True,
    )  # fmt: skip
    expected = generate_module.hashlib.sha256(before.encode()).hexdigest()[:16]
    assert generate_module._Plan.digest.fget(plan) == expected
    plan.settings = GenerationSettings(until="answer")
    assert generate_module._Plan.digest.fget(plan) != expected


def test_another_word_is_refused():
    with pytest.raises(GenerationError, match="until must be 'end' or 'answer', got 'soon'"):
        GenerationSettings(until="soon")
