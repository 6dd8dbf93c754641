"""Prompts that bring turns, a system text or the answer's beginning: as transformers renders them itself."""

import pytest

from unsinter.features.records.conversation import Conversation
from unsinter.features.rendering.rendering import RenderError, TemplateInput, render, rendered_identity
from unsinter.features.rendering.token_texts import token_texts

TEXT = "And at night?"
CONVERSATIONS = [
    Conversation(turns=(("How are locks made?", "Of brass."), ("Are they old?", "Yes."))),
    Conversation(system="Be brief."),
    Conversation(prefill="I am sorry, but"),
    Conversation(system="Be brief.", turns=(("Hi", "Hello"),), prefill="  Well:\n"),
]


def own_messages(conversation, *, system=None, examples=()):
    """The turns as transformers takes them."""
    text = conversation.system if conversation.system is not None else system
    turns = [] if text is None else [("system", text)]
    for user, assistant in (*examples, *conversation.turns):
        turns += [("user", user), ("assistant", assistant)]
    return [{"role": role, "content": content} for role, content in [*turns, ("user", TEXT)]]


def ids_of(model, messages, *, prefill=""):
    """What transformers' own call feeds the model."""
    text = model.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return model.tokenizer(text + prefill, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("beside", [TemplateInput(), TemplateInput(system="Obey.", examples=(("A?", "B."),))])
def test_a_conversation_is_what_the_librarys_own_template_call_makes_of_it(zoo, conversation, beside):
    model = zoo("llama")
    [row] = render([("a", TEXT, conversation)], model, beside=beside)
    messages = own_messages(conversation, system=beside.system, examples=beside.examples)
    assert list(row.token_ids) == ids_of(model, messages, prefill=conversation.prefill)
    start, end = row.instruction
    assert model.tokenizer.decode(list(row.token_ids[start:end])) == TEXT
    assert row.prompt_end == len(row.token_ids)
    texts = token_texts(model, row, TEXT, beside=beside.around(conversation))
    assert "".join(texts).endswith(conversation.prefill)


def test_prompts_with_and_without_a_conversation_are_rendered_together_and_are_of_one_identity(zoo):
    model = zoo("llama")
    beside = TemplateInput(system="Obey.")
    own = [(f"c{n}", TEXT, conversation) for n, conversation in enumerate(CONVERSATIONS)]
    prompts = [("a", TEXT), ("b", TEXT, Conversation()), *own]
    rows = render(prompts, model, beside=beside)
    assert rows[0].key == rows[1].key
    assert len({row.key for row in rows}) == len(rows) - 1
    assert rendered_identity(model, rows) == rendered_identity(model, rows[:1])
    alone = [render([prompt], model, beside=beside)[0].key for prompt in prompts]
    assert [row.key for row in rows] == alone


def test_what_a_template_cannot_show_is_refused_by_the_prompts_name(monkeypatch, zoo):
    model = zoo("llama")
    with pytest.raises(RenderError, match=r"prompt 'a': a prefill needs a chat template"):
        render([("a", TEXT, Conversation(prefill="Well"))], model, template="raw")
    with pytest.raises(RenderError, match=r"prompt 'b': .*examples needs a chat template"):
        render([("b", TEXT, Conversation(turns=(("Hi", "Ho"),)))], model, template="raw")
    monkeypatch.setattr(model.tokenizer, "chat_template", "{{ messages[-1]['content'] }}:")
    with pytest.raises(RenderError, match=r"prompt 'c': .*leaves out the system text"):
        render([("c", TEXT, Conversation(system="Be brief."))], model)


def test_a_template_is_asked_a_fixed_number_of_times_however_many_turns_there_are(zoo, monkeypatch):
    model = zoo("llama")
    n_calls = []
    own = type(model.tokenizer).apply_chat_template
    monkeypatch.setattr(
        type(model.tokenizer), "apply_chat_template", lambda *a, **k: n_calls.append(1) or own(*a, **k)
    )
    counts = []
    for n_turns in (2, 40):
        turns = tuple((f"question {n}", f"answer {n}") for n in range(n_turns))
        n_calls.clear()
        render([("a", TEXT, Conversation(turns=turns))], model)
        counts.append(len(n_calls))
    assert counts[0] == counts[1] < 20


def test_the_turn_that_a_template_leaves_out_is_named(zoo, monkeypatch):
    model = zoo("llama")
    template = "{% for m in messages[-4:] %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    monkeypatch.setattr(model.tokenizer, "chat_template", template)
    turns = (("a", "b"), ("c", "d"))
    with pytest.raises(RenderError, match=r"leaves out the user's text of example 1"):
        render([("a", TEXT, Conversation(turns=turns))], model)
