"""What `doctor` says of a chat template, and a prompt with its positions under its tokens."""

import itertools
import re

import pytest

from unsinter.features.rendering.description import describe_template, marked_tokens
from unsinter.features.rendering.framing import RenderError
from unsinter.features.rendering.positions import available_positions, resolve_position
from unsinter.features.rendering.rendering import render

TURNS = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] | trim }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
REFUSES_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TURNS
)
OWN_SYSTEM = "{% if messages[0]['role'] != 'system' %}<|user|>\nBe kind.<|end|>\n{% endif %}" + TURNS
THINKS = TURNS + "{% if enable_thinking is defined and not enable_thinking %}<|end|>\n{% endif %}"
DATED = "Today: {{ strftime_now('%d %b %Y') }}\n" + TURNS
LAST_TURN = "{{ bos_token }}<|user|>\n{{ messages[-1]['content'] }}<|end|>\n<|assistant|>\n"


@pytest.mark.parametrize(
    ("template", "differs"),
    [
        (TURNS, {}),
        (REFUSES_SYSTEM, {"system: a text": "no: a trial prompt: the chat template of"}),
        (OWN_SYSTEM, {"system: none": "the template writes one of its own"}),
        (THINKS, {"template_options it reads": "enable_thinking", "thinking switch": "enable_thinking"}),
        (DATED, {"date: reads the clock": "yes, as '26 Jul 2024' for 2024-07-26"}),
        (
            LAST_TURN,
            {
                "system: a text": "no: its chat template leaves out the system text",
                "examples: turns before the prompt": "no: its chat template leaves out the user's text",
            },
        ),
    ],
    ids=["turns", "refuses system", "own system", "thinks", "dated", "last turn"],
)
def test_each_key_of_a_study_is_said_as_the_template_has_it(with_template, template, differs):
    facts = dict(describe_template(with_template(template)))
    usual = {
        "system: a text": "yes",
        "system: none": "nothing is put in its place",
        "examples: turns before the prompt": "yes",
        "template_options it reads": "none",
        "thinking switch": "none",
        "date: reads the clock": "no",
    }
    for key, words in {**usual, **differs}.items():
        assert facts[key].startswith(words), key


def test_the_tokens_before_and_after_the_text_are_counted(with_template):
    model = with_template(TURNS)
    [row] = render([("a", "Hi")], model)
    start, end = row.instruction
    expected = f"{start} and {len(row.token_ids) - end}"
    assert dict(describe_template(model))["tokens before and after the text"] == expected


def test_a_model_without_a_template_has_none_to_describe(zoo):
    with pytest.raises(RenderError, match="no chat template"):
        describe_template(zoo("bert"))


@pytest.mark.parametrize("width", [40, 60, 10_000])
def test_every_position_stands_under_its_token(with_template, width):
    model = with_template(TURNS)
    [row] = render([("a", "How do I bake bread at home?")], model)
    lines = [*marked_tokens(model, row, width=width)]
    seen = []
    for above, below in itertools.pairwise(lines):
        if below.startswith("|"):
            continue
        for mark in re.finditer(r"\^([a-z_0-9 ]+)", below):
            for name in mark[1].split():
                first, _ = resolve_position(name, row)
                token = str(model.tokenizer.decode([row.token_ids[first]])).replace("\n", "\\n")
                assert above[mark.start() - 1] == "|"
                assert above[mark.start() :].startswith(token), name
                seen.append(name)
    assert sorted(seen) == sorted(available_positions(row))


def test_what_moves_a_cursor_is_written_out(with_template):
    model = with_template(TURNS)
    [row] = render([("a", "one\ntwo\tthree")], model)
    text = "\n".join(marked_tokens(model, row, width=10_000))
    assert text.count("\n") == 1
    assert "\\n" in text
    assert "\\t" in text
