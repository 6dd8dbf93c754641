"""An answer ends where the chat template ends a turn, also where the model's end tokens lack that sign."""

import hashlib
import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.generate.turn_end import AnswerEnd, answer_end
from unsinter.features.model.model import load_model
from unsinter.features.rendering.rendering import render

ASSISTANT = "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"


def template(turn, opening="<|{{ m['role'] }}|>\n", generation=ASSISTANT):
    return "{% for m in messages %}" + opening + "{{ m['content'] }}" + turn + "{% endfor %}" + generation


@pytest.mark.parametrize(
    ("turn", "end", "lead"),
    [
        ("<|end|>\n", "<|end|>", ""),
        ("\n<|end|>\n", "<|end|>", "\n"),
        (" [over]<|end|>", "<|end|>", " [over]"),
        ("\n", "<|user|>", "\n"),  # the next turn's sign is the first thing behind an answer
    ],
)
def test_the_templates_sign_is_added_and_named(with_template, caplog, turn, end, lead):
    model = with_template(template(turn))
    result = answer_end(model, [2])
    assert result.turn_id == model.tokenizer.convert_tokens_to_ids(end)
    assert (result.lead, result.ids) == (lead, tuple(sorted({2, result.turn_id})))
    assert f"llama: its end tokens [2] lack {end!r}" in caplog.text.replace(model.name, "llama")


@pytest.mark.parametrize("turn", ["</s>", "</s>\n", "\n</s>", " </s><s>"])
def test_a_model_that_ends_as_its_template_does_keeps_its_ends_and_its_files(with_template, caplog, turn):
    model = with_template(template(turn))
    assert answer_end(model, [2]) == AnswerEnd(model_ids=(2,))
    assert not caplog.text


def test_a_heading_in_words_ends_an_answer_too(with_template):
    heading = "{{ {'user': '### Instruction:', 'assistant': '### Response:'}[m['role']] }}\n"
    made = template("\n\n", heading, "{% if add_generation_prompt %}### Response:\n{% endif %}")
    model = with_template(made)
    result = answer_end(model, [2])
    assert (result.turn_text, result.lead) == ("### Instruction:", "\n\n")
    ids = model.tokenizer("Mix flour.\n\n### Instruction:\nNext", add_special_tokens=False)["input_ids"]
    text, n_tokens, has_ended = result.read(ids, model.tokenizer)
    assert (text, has_ended) == ("Mix flour.", True)
    assert model.tokenizer.decode(ids[:n_tokens]).startswith("Mix flour.")
    assert result.read(ids[:2], model.tokenizer)[2] is False


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (template("\n", "", ""), "where its chat template ends a turn cannot be told"),
        (template(" # ", "", ""), "with '#' alone, which answers hold too"),
        (
            (
                "{% for m in messages %}{% if m['role'] != 'user' %}{{ raise_exception('users') }}{% endif %}"
                "{{ m['content'] }}{% endfor %}"
            ),
            "where its chat template ends a turn cannot be told",
        ),
    ],
)
def test_an_end_that_cannot_be_told_is_said(with_template, caplog, text, says):
    assert answer_end(with_template(text), [2]) == AnswerEnd(model_ids=(2,))
    assert says in caplog.text


def test_bare_text_has_no_turns(with_template, caplog):
    assert answer_end(with_template(None), [2]) == AnswerEnd(model_ids=(2,))
    assert not caplog.text


def test_answers_made_before_the_end_was_known_are_kept_apart_and_others_are_not(with_template, tmp_path):
    how = GenerationSettings(max_new_tokens=4)

    def stored(turn, name):
        model = with_template(template(turn))
        [record] = generate_responses(model, render([("a", "Hi")], model), tmp_path / name, settings=how)
        content = {
            "model": dict(model.identity),
            "settings": {k: v for k, v in asdict(how).items() if k not in ("until", "stop")},
        }
        plain = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        return record["settings"] == plain

    assert stored("</s>", "a.jsonl")
    assert not stored("<|end|>", "b.jsonl")


@given(before=st.text(max_size=20), behind=st.text(max_size=20))
def test_what_stands_before_a_heading_is_the_answer(shared_tokenizer, before, behind):
    text = f"{before}\n##END{behind}"
    ids = shared_tokenizer(text, add_special_tokens=False)["input_ids"]
    whole = shared_tokenizer.decode(ids, skip_special_tokens=True)
    end = AnswerEnd(model_ids=(), turn_text="##END", lead="\n")
    result, n_tokens, has_ended = end.read(ids, shared_tokenizer)
    assert has_ended
    assert whole.startswith(f"{result}\n##END")
    assert 0 <= n_tokens <= len(ids)


@pytest.fixture(scope="module")
def shared_tokenizer(tiny):
    return tiny.tokenizer()


def test_a_model_of_the_demo_ends_as_its_template_does(caplog):
    from unsinter.studies.planted import model_folder

    model = load_model(model_folder("detached"), device="cpu")
    assert not answer_end(model, [model.tokenizer.eos_token_id]).is_extended
    assert not caplog.text
