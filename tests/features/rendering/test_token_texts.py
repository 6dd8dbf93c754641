"""The text behind every token, and signs that nobody sees."""

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.extract.every_token import read_tokens
from unsinter.features.rendering import token_texts as module
from unsinter.features.rendering.rendering import render
from unsinter.features.rendering.template_input import RenderError, TemplateInput
from unsinter.features.rendering.token_texts import token_texts, visible

TURNS = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] | trim }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
TEXTS = {
    "latin": "How do I bake bread at home?",
    "emoji": "bread \U0001f35e and \U0001f468\u200d\U0001f469\u200d\U0001f467!",
    "right to left": "\u0643\u064a\u0641 \u0623\u062e\u0628\u0632 \u0627\u0644\u062e\u0628\u0632\u061f",
    "wide": "\u5982\u4f55\u70e4\u9762\u5305\uff1f",
    "escapes": "a \x1b[31mred\x1b[0m \u202eline\nand <b>markup</b>",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_texts_of_all_tokens_are_the_prompt_as_the_model_reads_it(with_template, text):
    model = with_template(TURNS)
    [row] = render([("a", text)], model)
    texts = token_texts(model, row, text)
    assert len(texts) == len(row.token_ids)
    assert "".join(texts) == f"<s><|user|>\n{text}<|end|>\n<|assistant|>\n"
    start, end = row.instruction
    assert "".join(texts[start:end]) == text
    assert "\ufffd" not in "".join(texts)


def test_of_the_pieces_of_one_character_the_first_has_it(with_template):
    model = with_template(TURNS)
    [row] = render([("a", "\u70e4")], model)
    start, end = row.instruction
    assert end - start == 3  # one byte each, as nothing like it was in the tokenizer's training text
    assert token_texts(model, row, "\u70e4")[start:end] == ("\u70e4", "", "")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_tokenizer_without_offsets_has_the_same_texts_by_decoding(with_template, text):
    model = with_template(TURNS)
    [row] = render([("a", text)], model)
    texts = module._by_decoding(model, row.token_ids)
    assert "".join(texts) == "".join(token_texts(model, row, text))
    assert len(texts) == len(row.token_ids)


def test_tokens_that_stand_for_no_character_have_their_names(zoo):
    model = zoo("bert")
    [row] = render([("a", "Hi there")], model)
    texts = token_texts(model, row, "Hi there")
    assert (texts[0], texts[-1]) == ("<s>", "</s>")
    assert "".join(texts[1:-1]) == "Hi there"


def test_system_text_and_examples_are_among_the_texts(with_template):
    model = with_template(TURNS)
    beside = TemplateInput(system="Be brief.", examples=(("Wet?", "Yes."),))
    [row] = render([("a", "Hi")], model, beside=beside)
    texts = "".join(token_texts(model, row, "Hi", beside=beside))
    assert texts.startswith("<s><|system|>\nBe brief.<|end|>\n<|user|>\nWet?<|end|>\n<|assistant|>\nYes.")


def test_a_row_of_another_text_is_refused(with_template):
    model = with_template(TURNS)
    [row] = render([("a", "Hi")], model)
    with pytest.raises(RenderError, match="prompt 'a': its tokens are not those of this text"):
        token_texts(model, row, "Ho")


@given(st.text())
def test_nothing_that_a_terminal_or_page_acts_on_is_left(text):
    unseen = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown = visible(text)
    assert not [s for s in shown if unicodedata.category(s) in unseen and s not in "\u200c\u200d"]


def test_letters_of_every_script_stay_and_signs_of_direction_do_not():
    text = "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u5982\u4f55 e\u0301 \u3000"
    assert visible(text) == text
    assert visible("a\n\t\x1b[0m\u202eb") == "a\u21b5\\t\\x1b[0m\\u202eb"


def test_every_token_is_read_as_the_models_own_hidden_states(zoo):
    model = zoo("llama")
    [row] = render([("a", TEXTS["latin"])], model)
    with torch.inference_mode():
        hidden = model.model(torch.tensor([row.token_ids]), output_hidden_states=True).hidden_states
    tokens = [0, 3, len(row.token_ids) - 1]
    values = read_tokens(model, row, layers=[0, 2], tokens=tokens)
    expected = np.stack([hidden[layer][0, tokens].numpy() for layer in (0, 2)])
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
    longer = replace(row, token_ids=(*row.token_ids, 5, 6))
    np.testing.assert_allclose(read_tokens(model, longer, layers=[0, 2], tokens=tokens), values, atol=1e-4)
