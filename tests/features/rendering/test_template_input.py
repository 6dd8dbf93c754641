"""System text, examples and options of a chat template: shown to the model, in the identity, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.model.folder import ModelError
from unsinter.features.model.model import load_model
from unsinter.features.rendering.rendering import RenderError, render, rendered_identity, whole_identity
from unsinter.features.rendering.template_input import TemplateInput, template_variables

SYSTEM = "Answer in one word."
EXAMPLES = (("Is rain wet?", "Yes."), ("Is snow warm?", "No."))
THINKING = "{% if enable_thinking is defined and not enable_thinking %}<|end|>{% endif %}"
NO_SYSTEM = (
    "{{ bos_token }}{% for m in messages if m['role'] != 'system' %}"
    "<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}<|assistant|>\n"
)
RAISES = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
)
LAST_ONLY = "{{ bos_token }}<|user|>\n{{ messages[-1]['content'] }}<|end|>\n<|assistant|>"


def test_the_prompt_is_what_the_library_renders_of_the_same_turns(zoo):
    model = zoo("llama")
    [row] = render([("a", "Hi there")], model, beside=TemplateInput(system=SYSTEM, examples=EXAMPLES))
    turns = [{"role": "system", "content": SYSTEM}]
    for question, answer in EXAMPLES:
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    turns.append({"role": "user", "content": "Hi there"})
    expected = model.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    assert list(row.token_ids) == expected[-len(row.token_ids) :]
    start, end = row.instruction
    assert model.tokenizer.decode(row.token_ids[start:end]).strip() == "Hi there"


def test_each_part_is_another_identity(zoo):
    model = zoo("llama")
    identities = [
        rendered_identity(model, render([("a", "Hi")], model, **beside))
        for beside in (
            {},
            {"system": SYSTEM},
            {"system": "Answer in two words."},
            {"system": ""},
            {"examples": EXAMPLES},
            {"examples": EXAMPLES[::-1]},
        )
    ]
    assert len({str(sorted(identity.items())) for identity in identities}) == len(identities)
    assert identities[0] == dict(model.identity)
    assert set(identities[1]) - set(identities[0]) == {"system"}
    assert set(identities[4]) - set(identities[0]) == {"examples"}
    rows = render([("a", "Hi")], model)
    assert whole_identity(model, rows)["system"] == whole_identity(model, rows)["template_options"] == ""
    other = render([("a", "Hi")], model, system=SYSTEM)
    with pytest.raises(RenderError, match="rendered with other system texts"):
        rendered_identity(model, [*rows, *other])


def test_an_option_is_in_the_identity_and_one_that_is_not_read_is_refused(with_template, tiny):
    model = with_template(tiny.template + THINKING)
    assert template_variables(model.tokenizer) == {"enable_thinking"}
    rows = [render([("a", "Hi")], model, options=options) for options in ({}, {"enable_thinking": False})]
    assert rows[0][0].token_ids != rows[1][0].token_ids
    assert "template_options" in rendered_identity(model, rows[1])
    with pytest.raises(RenderError, match=r"reads no option 'enable_thinkin'.*it reads: enable_thinking\."):
        render([("a", "Hi")], model, options={"enable_thinkin": False})
    for name in ("messages", "tokenize", "add_generation_prompt", "tools", "conversation"):
        with pytest.raises(RenderError, match=f"cannot set '{name}'; the library sets it"):
            render([("a", "Hi")], model, options={name: True})


def test_variables_of_a_template_are_those_that_nobody_else_sets(with_template):
    model = with_template(
        "{{ bos_token }}{% set here = 1 %}{% generation %}{% endgeneration %}"
        "{% for m in messages %}{{ m.content }}{% endfor %}"
        "{% if not day is defined %}{% set day = strftime_now('%d') %}{% endif %}{{ day }}{{ mood }}"
    )
    assert template_variables(model.tokenizer) == {"day", "mood"}
    with pytest.raises(RenderError, match="the chat template cannot be read"):
        template_variables(with_template("{% if %}").tokenizer)
    assert template_variables(with_template(None).tokenizer) == frozenset()


@pytest.mark.parametrize(
    ("template", "beside", "says"),
    [
        (NO_SYSTEM, {"system": SYSTEM}, "leaves out the system text"),
        (LAST_ONLY, {"examples": EXAMPLES}, "leaves out the user's text of example 1"),
        (
            NO_SYSTEM.replace("!= 'system'", "== 'user'"),
            {"examples": EXAMPLES},
            "the assistant's text of example 1",
        ),
    ],
)
def test_what_a_template_leaves_out_is_refused(with_template, template, beside, says):
    with pytest.raises(RenderError, match=says):
        render([("a", "Hi")], with_template(template), **beside)


def test_a_template_that_refuses_a_system_text_is_named(with_template, tiny):
    with pytest.raises(RenderError, match="System role not supported"):
        render([("a", "Hi")], with_template(RAISES + tiny.template), system=SYSTEM)


@pytest.mark.parametrize(
    ("template", "names"),
    [
        # As many templates begin: whatever a caller gives for the text is overwritten.
        ("{% if messages[0].role == 'x' %}{% set text = 1 %}{% else %}{% set text = 2 %}{% endif %}", set()),
        (
            "{% if a %}{% set text = 1 %}{% elif b %}{% set text = 2 %}{% else %}{% set text = 3 %}{%endif%}",
            {"a", "b"},
        ),
        ("{% if not text is defined %}{% set text = 1 %}{% endif %}", {"text"}),
        ("{% if a %}{% set text = 1 %}{% endif %}", {"a", "text"}),
        ("{% set text = text | default(b) %}", {"text", "b"}),
        ("{% for m in messages %}{% set text = m %}{% endfor %}", {"text"}),
        ("{% set text %}{{ b }}{% endset %}", {"b"}),
        ("{% macro text(c, d=e) %}{{ c }}{{ d }}{% endmacro %}", {"e"}),
    ],
)
def test_only_names_that_a_template_reads_before_it_sets_them_are_options(with_template, template, names):
    model = with_template(template + "{{ text }}")
    assert template_variables(model.tokenizer) == names


@pytest.mark.parametrize("beside", [{"system": ""}, {"examples": EXAMPLES}, {"options": {"x": 1}}])
def test_bare_text_has_no_surroundings(zoo, beside):
    with pytest.raises(RenderError, match="needs a chat template; it cannot be used with template='raw'"):
        render([("a", "Hi")], zoo("bert"), **beside)


def test_a_template_of_ones_own_takes_the_place_of_the_tokenizers(zoo):
    folder = zoo.folder("llama")
    model = load_model(folder, dtype="float32", device="cpu", chat_template=LAST_ONLY)
    own = load_model(folder, dtype="float32", device="cpu")
    assert model.identity["chat_template"] != own.identity["chat_template"]
    differing = {key for key in own.identity if own.identity[key] != model.identity[key]}
    assert differing == {"chat_template"}
    [row] = render([("a", "Hi")], model)
    assert model.tokenizer.decode(row.token_ids) == "<s><|user|>\nHi<|end|>\n<|assistant|>"


def test_a_folder_has_no_revisions(zoo):
    with pytest.raises(
        ModelError, match="a revision names a commit of a model on a hub, and this is a folder"
    ):
        load_model(zoo.folder("llama"), revision="abc123")


TURNS = st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=2).map(tuple)
INPUTS = st.builds(
    TemplateInput,
    system=st.none() | st.text(max_size=3),
    examples=TURNS,
    options=st.dictionaries(st.text(min_size=1, max_size=2), st.booleans() | st.none(), max_size=2),
)


@given(INPUTS, INPUTS)
def test_digests_are_equal_where_all_parts_are_and_nowhere_else(one, other):
    assert (one.digests == other.digests) == (one == other)
    assert one.messages("x")[-1] == {"role": "user", "content": "x"}
    assert len(one.messages("x")) == 1 + 2 * len(one.examples) + (one.system is not None)
