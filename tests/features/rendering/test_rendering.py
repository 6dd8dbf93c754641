"""What the model reads: ids of the rendered template, the span of the user's text, one BOS."""

import pytest
from transformers import AutoTokenizer

from unsinter.features.model.model import load_model
from unsinter.features.rendering.positions import (
    PositionError,
    available_positions,
    describe_positions,
    resolve_position,
)
from unsinter.features.rendering.rendering import RenderError, TemplateInput, render

TRICKY = [
    "Hi",
    "  spaces around  ",
    "assistant user <|end|> written out",
    "<s> is a tag",
    "zebra and fjord",
    "Ünïcödé — 日本語 🦓",
    "two\n\nlines\n",
    "ends with a colon:",
    "<|user|>\nHi<|end|>\n<|assistant|>\n",
]


def with_tokenizer(tiny, folder, tokenizer):
    return load_model(tiny.build(folder, tiny.llama, tokenizer=tokenizer), dtype="float32", device="cpu")


@pytest.mark.parametrize("text", TRICKY)
def test_ids_are_those_of_the_librarys_own_template_call(zoo, text):
    model = zoo("llama")
    [row] = render([("a", text)], model)
    own = model.tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    assert list(row.token_ids) == own


@pytest.mark.parametrize("text", TRICKY)
def test_the_instruction_span_decodes_to_the_users_text_and_the_rest_to_the_template(zoo, text):
    model = zoo("llama")
    [row] = render([("a", text)], model)
    start, end = row.instruction
    ids = list(row.token_ids)
    assert model.tokenizer.decode(ids[start:end]) == text.strip()
    assert model.tokenizer.decode(ids[:start]) == "<s><|user|>\n"
    assert model.tokenizer.decode(ids[end : row.prompt_end]) == "<|end|>\n<|assistant|>\n"
    assert not row.merged


def test_chat_rows_and_raw_rows_start_with_one_bos(zoo):
    model = zoo("llama")
    for template in ("chat", "raw"):
        for row in render([(text, text) for text in TRICKY if text[:3] != "<s>"], model, template=template):
            assert row.token_ids[0] == model.tokenizer.bos_token_id
            assert row.token_ids[1] != model.tokenizer.bos_token_id


def test_a_tokenizer_without_bos_gets_none(tiny, tmp_path):
    model = with_tokenizer(tiny, tmp_path, tiny.tokenizer(bos=False))
    for template in ("chat", "raw"):
        [row] = render([("a", "Hi")], model, template=template)
        assert model.tokenizer.convert_tokens_to_ids("<s>") not in row.token_ids


def test_a_template_that_writes_bos_twice_is_refused(tiny, tmp_path):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = "{{ bos_token }}" + tiny.template
    model = with_tokenizer(tiny, tmp_path, tokenizer)
    with pytest.raises(RenderError, match="starts with two '<s>' tokens"):
        render([("a", "Hi")], model)


def test_a_raw_text_that_brings_its_own_bos_is_refused_by_id(zoo):
    with pytest.raises(RenderError, match="prompt 'p7': the row starts with two '<s>'"):
        render([("p6", "Hi"), ("p7", "<s>Hi")], zoo("llama"), template="raw")


def test_a_decoder_without_template_must_be_told_raw(tiny, tmp_path):
    model = with_tokenizer(tiny, tmp_path, tiny.tokenizer(chat=False))
    for template in ("auto", "chat"):
        with pytest.raises(RenderError, match="no chat template; add one, or say template='raw'"):
            render([("a", "Hi")], model, template=template)
    [row] = render([("a", "Hi")], model, template="raw")
    assert row.instruction == (1, row.prompt_end)


def test_an_encoder_is_read_raw_with_its_own_specials(zoo):
    model = zoo("bert")
    [row] = render([("a", "Hi")], model)
    assert list(row.token_ids) == model.tokenizer("Hi")["input_ids"]
    assert available_positions(row) == ["instruction_mean", "instruction_end", "template_1", "template_end"]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ messages[0]['content'] }} {{ messages[0]['content'] }}", "user's text 2 times"),
        ("nothing of the user's", "user's text 0 times"),
        ("{{ messages[0]['content'] | upper }}", "user's text 0 times"),
        ("{{ messages[0]['content'] }}{{ messages[0]['content'][:1] }}", "different text around"),
        ("{{ raise_exception('no user turns') }}", "fails: no user turns"),
        ("{{ messages[0]['content'] | replace('x', 'y') }}\n", "prompt 'a': .* changes this text"),
    ],
)
def test_a_template_that_cannot_be_located_is_refused(tiny, tmp_path, template, message):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = template
    model = with_tokenizer(tiny, tmp_path, tokenizer)
    with pytest.raises(RenderError, match=message):
        render([("a", "box")], model)


def test_a_system_text_that_holds_a_sentinel_does_not_confuse_the_search(zoo):
    model = zoo("llama")
    [row] = render([("a", "zebra")], model, beside=TemplateInput(system="A zebra and a fjord."))
    start, end = row.instruction
    assert model.tokenizer.decode(list(row.token_ids[start:end])) == "zebra"
    assert model.tokenizer.decode(list(row.token_ids[:start])).endswith("<|end|>\n<|user|>\n")
    assert render([("a", "zebra")], model, system="A zebra and a fjord.") == [row]
    assert render([("a", "zebra")], model) != [row]


def test_an_empty_prompt_is_refused_by_id(zoo):
    with pytest.raises(RenderError, match="prompt 'e', field 'prompt': the text is empty"):
        render([("e", " \n")], zoo("llama"))


def test_a_fused_boundary_keeps_the_ends_but_refuses_template_k(tiny, tmp_path):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = "{{ bos_token }}{{ messages[0]['content'] }}... Answer:"
    tokenizer.add_tokens(["!..."])
    model = with_tokenizer(tiny, tmp_path, tokenizer)
    plain, fused = render([("plain", "Hi"), ("fused", "Hi!")], model)
    assert not plain.merged
    assert fused.merged
    assert resolve_position("template_end", fused) == (len(fused.token_ids) - 1, len(fused.token_ids))
    start, end = resolve_position("instruction_end", fused)
    assert model.tokenizer.decode(list(fused.token_ids[start:end])) == "!..."
    with pytest.raises(PositionError, match="prompt 'fused' the tokenizer fuses"):
        resolve_position("template_1", fused)


def test_template_options_reach_the_template(tiny, tmp_path):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = tiny.template + "{% if not thinking %}<|end|>{% endif %}"
    model = with_tokenizer(tiny, tmp_path, tokenizer)
    [thinking], [not_thinking] = (
        render([("a", "Hi")], model, beside=TemplateInput(options={"thinking": flag}))
        for flag in (True, False)
    )
    assert not_thinking.token_ids == (*thinking.token_ids, tokenizer.convert_tokens_to_ids("<|end|>"))


def test_a_response_follows_the_unchanged_prompt(zoo):
    model = zoo("llama")
    [bare] = render([("a", "Hi")], model)
    [full] = render([("a", "Hi")], model, responses={"a": "I cannot help."})
    assert full.token_ids[: full.prompt_end] == bare.token_ids
    assert model.tokenizer.decode(list(full.token_ids[full.prompt_end :])) == "I cannot help."
    assert resolve_position("response_2", full) == (full.prompt_end + 1, full.prompt_end + 2)
    assert full.key != bare.key
    with pytest.raises(PositionError, match="prompt 'a' has 0 response tokens; it has instruction_mean"):
        resolve_position("response_1", bare)
    with pytest.raises(RenderError, match="prompt 'a' has no response"):
        render([("a", "Hi")], model, responses={})


def test_keys_tell_rows_apart_by_content_not_by_id(zoo):
    a, b, c = render([("a", "Hi"), ("b", "Hi"), ("c", "Ho")], zoo("llama"))
    assert a.key == b.key != c.key


def test_slow_tokenizers_are_located_by_ids(tmp_path, zoo):
    """No offsets: the template's ids must stand whole around the text."""
    model = zoo("llama")
    fast = render([(text, text) for text in TRICKY], model)

    class Slow:
        is_fast = False

        def __getattr__(self, name):
            return getattr(model.tokenizer, name)

        def __call__(self, *args, return_offsets_mapping=False, **kwargs):
            assert not return_offsets_mapping
            return model.tokenizer(*args, **kwargs)

    from dataclasses import replace

    slow = render([(text, text) for text in TRICKY], replace(model, tokenizer=Slow()))
    assert slow == fast
    raw = render([("a", "Hi")], replace(model, tokenizer=Slow()), template="raw")
    assert raw == render([("a", "Hi")], model, template="raw")


def test_positions_are_named_with_the_token_found_there(zoo):
    result = describe_positions(zoo("llama"))
    assert result["template_1"] == "<|end|>"
    assert result["template_end"] == "\n"
    assert list(result) == [
        "instruction_mean",
        "instruction_end",
        *(f"template_{k}" for k in range(1, 5)),
        "template_end",
    ]


@pytest.mark.parametrize("name", ["template_0", "last", "response_", "template_-1", "Template_1"])
def test_an_unknown_position_is_refused_with_the_known_ones(zoo, name):
    [row] = render([("a", "Hi")], zoo("llama"))
    with pytest.raises(PositionError, match=f"position '{name}' is unknown; use instruction_end"):
        resolve_position(name, row)


def test_a_position_the_template_lacks_names_what_exists(zoo):
    [row] = render([("a", "Hi")], zoo("llama"))
    with pytest.raises(
        PositionError, match=r"'template_9': prompt 'a' has 4 template tokens; it has .*template_4"
    ):
        resolve_position("template_9", row)


def test_rendering_leaves_the_tokenizer_as_it_was(zoo, tmp_path):
    model = zoo("llama")
    before = model.tokenizer.backend_tokenizer.to_str()
    render([("a", "Hi"), ("b", "a longer one")], model)
    assert model.tokenizer.backend_tokenizer.to_str() == before
    assert AutoTokenizer.from_pretrained(zoo.folder("llama")).chat_template == model.tokenizer.chat_template
