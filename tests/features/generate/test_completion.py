"""Completions of servers that give text alone: what is left of special tokens is taken out, no more."""

import json
from types import SimpleNamespace

import pytest

from unsinter.features.generate.completion import CompletionError, CompletionReader
from unsinter.features.generate.turn_end import AnswerEnd


def tokenizer(*specials):
    names = dict(enumerate(specials))
    return SimpleNamespace(
        all_special_ids=list(names),
        added_tokens_decoder={},
        convert_ids_to_tokens=names.get,
        encode=lambda text, add_special_tokens: text.split(),
        decode=lambda ids, skip_special_tokens: " ".join(
            "" if skip_special_tokens and names[token].startswith("<") else names[token] for token in ids
        ),
    )


PLAIN = AnswerEnd(model_ids=(0,))


def read(text, *, specials=(), end=PLAIN, reason="stop", usage=None, ids=None, **top):
    reader = CompletionReader(tokenizer=tokenizer(*specials), end=end, max_new_tokens=9)
    body = {"choices": [{"text": text, "finish_reason": reason, "token_ids": ids}], "usage": usage, **top}
    return reader.read(json.dumps(body).encode(), n_prompt=5)


def test_a_text_is_taken_as_it_is_where_no_special_token_marks_reasoning():
    answer = read("<s> is a tag of HTML.", specials=("</s>", "<s>"))
    assert (answer.text, answer.n_tokens, answer.has_ended) == ("<s> is a tag of HTML.", 6, True)


def test_reasoning_marked_by_special_tokens_stays_and_other_special_tokens_go():
    specials = ("<|im_end|>", "<think>", "</think>", "<pad>")
    answer = read("<think>Hm.</think>Bread.<pad><|im_end|>Rain.", specials=specials, reason="length")
    assert answer.text == "<think>Hm.</think>Bread."
    assert answer.has_ended
    assert not read("<think>Hm.", specials=specials, reason="length").has_ended


def test_a_turn_that_the_template_ends_with_words_ends_the_answer():
    end = AnswerEnd(model_ids=(0,), turn_text="### User", lead="\n\n")
    answer = read("Bread.\n\n### User\nMore", end=end, reason="length")
    assert (answer.text, answer.has_ended) == ("Bread.", True)


@pytest.mark.parametrize("counted", [5, 5.0, 0, None, "6", {}, True])
def test_a_server_that_counts_the_prompt_tokens_that_were_sent_or_none_is_believed(counted):
    assert read("Bread.", usage={"prompt_tokens": counted}).text == "Bread."
    with pytest.raises(CompletionError, match="counts 6 prompt tokens where 5 were sent"):
        read("Bread.", usage={"prompt_tokens": 6})


@pytest.mark.parametrize("counted", [4, 1, 4.0])
def test_a_server_that_counts_fewer_prompt_tokens_than_were_sent_has_cut_the_prompt(counted):
    with pytest.raises(CompletionError, match=r"prompt tokens where 5 were sent: the server cuts the prompt"):
        read("Bread.", usage={"prompt_tokens": counted})
    with pytest.raises(CompletionError, match="says that it is truncated"):
        read("Bread.", truncated=True)
    assert read("Bread.", truncated=False).text == "Bread."


WORDS = ("</s>", "Sorry,", "no", "bread.", "<b>")


@pytest.mark.parametrize(
    ("ids", "text"), [([], "I cannot"), ([0], "I cannot"), ([1, 2], "bread."), ([1, 2], "Sorry, no bread.")]
)
def test_a_text_that_is_not_that_of_its_tokens_is_refused(ids, text):
    with pytest.raises(CompletionError, match=rf"not that of its {len(ids)} token_ids"):
        read(text, specials=WORDS, ids=ids)


@pytest.mark.parametrize("text", ["Sorry, no bread.", "Sorry,no <b>bread.</s>", "Sorry, ", "", None])
def test_a_text_may_be_shorter_than_its_tokens_or_hold_their_special_ones(text):
    assert read(text, specials=WORDS, ids=[1, 2, 4, 3, 0]).n_tokens > 0


def test_a_text_of_more_tokens_than_were_asked_for_is_refused():
    with pytest.raises(CompletionError, match="has 10 tokens where 9 at most were asked for"):
        read("Bread.", usage={"completion_tokens": 10})
    assert read("Bread.", usage={"completion_tokens": 9}).text == "Bread."
    with pytest.raises(CompletionError, match="tokens where 9 at most were asked for"):
        read("Bread. " * 500, usage={"completion_tokens": 1})
    with pytest.raises(CompletionError, match="has 28 tokens where 9 at most were asked for"):
        read("a " * 28)
    assert read("a " * 27, reason="length").n_tokens == 27  # none counted: it may have been nine
