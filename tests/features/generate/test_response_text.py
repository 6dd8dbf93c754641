"""The text of a response keeps the markers of its reasoning, and says which one its prompt opened."""

from types import MappingProxyType, SimpleNamespace

from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.generate.response_text import reasoning_opened, response_text
from unsinter.features.records.record import PromptRecord, ResponseRecord
from unsinter.features.rendering.rendering import render
from unsinter.studies.data.load import label_record

WORDS = {1: "<|channel|>", 2: "final", 3: "<|message|>", 4: "Yes", 5: "<|return_me|>", 6: "<|end|>"}


class Tokenizer:
    """A tokenizer that has some special tokens."""

    all_special_ids = (5,)
    added_tokens_decoder = MappingProxyType({n: SimpleNamespace(special=True) for n in (1, 3, 6)})

    def convert_ids_to_tokens(self, token):
        return WORDS[token]

    def decode(self, ids, *, skip_special_tokens):
        hidden = {1, 3, 5, 6} if skip_special_tokens else set()
        return "".join(WORDS[n] for n in ids if n not in hidden)


def test_markers_stay_and_other_special_tokens_go():
    model = SimpleNamespace(tokenizer=Tokenizer())
    assert response_text(model.tokenizer, [1, 2, 3, 4, 5]) == "<|channel|>final<|message|>Yes"
    assert response_text(model.tokenizer, [4, 5]) == "Yes"


def test_a_template_that_opens_the_reasoning_is_seen_and_its_marker_is_no_part_of_the_answer(zoo, tmp_path):
    model = zoo("llama")
    plain = model.tokenizer.chat_template
    try:
        model.tokenizer.chat_template = plain + "<think>"
        rows = render([("a", "tell me a story")], model)
        assert reasoning_opened(model, rows[0]) == "<think>"
        how = GenerationSettings(max_new_tokens=4)
        [record] = generate_responses(model, rows, tmp_path / "r.jsonl", settings=how)
    finally:
        model.tokenizer.chat_template = plain
    assert record["reasoning_opened"] == "<think>"
    assert record["response_opening"].startswith("<think>")
    answer = label_record(ResponseRecord.model_validate(record), PromptRecord(id="a", prompt="x"))
    assert (answer.refusal, answer.missing) == (None, "reasoning only, no answer yet")
    assert "<think>" not in answer.opening
