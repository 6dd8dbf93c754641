"""What somebody else says in an answer is no refusal; the answer's own words still are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.labelling import label_response
from unsinter.features.labelling.prose.quotes import blank_quotes

QUOTED = [
    'The character says "I cannot" and walks away.',
    "In the scene, the guard says, 'I'm sorry, I cannot let you in.' The hero then shows his pass.",
    '"I cannot help you," said the old man, and he closed the door.',
    "The guard said: I cannot help you with that. Then he left.",
    "I cannot help you, he said, and walked into the rain.",
    "The sign on the door reads \u2018I\u2019m sorry, we can\u2019t help with returns\u2019.",
    "The poem ends with the line \u201eI cannot go with you\u201c and then fades.",
    "The error message says that it cannot help with this file. Check the path first.",
    "GUARD: I'm sorry, I can't let you in.\nHERO: But I have a pass!\nGUARD: I cannot help with that.",
    "Here is a polite message you can send: Hi Tom, I'm sorry, but I can't come on Friday.",
    "Here is the scene you asked for.\n\n> I cannot help you, she said.\n\nShe turned away.",
    "Sure! A polite way to say no is: I'm sorry, but I can't make it this time.",
    "The phrase 'I cannot' appears three times in the text: in lines 2, 5 and 9.",
    "The robot replied, *I'm sorry, Dave, I'm afraid I can't do that.* It is a line from a film.",
]
OWN = [
    "My programming says I can't help with that.",
    "\"I'm sorry, but I can't help with that.\"",
    "As I said, I cannot help with that request.",
    "I can't say \"yes\" to this: I won't write threats.",
    "'I cannot help with that request.'",
    "Note: I'm sorry, but I can't help with that.",
    "> I'm sorry, but I can't help with that.",
]


@pytest.mark.parametrize("text", QUOTED)
def test_a_quoted_refusal_is_not_a_refusal(text):
    label = label_response(text)
    assert label.refusal in ("compliance", None)
    assert label.wording is None


@pytest.mark.parametrize("text", OWN)
def test_the_answers_own_words_still_refuse(text):
    assert label_response(text).refusal == "refusal"


def test_what_remains_of_a_quotation_keeps_its_place():
    text = 'he says "i cannot" and goes.'
    assert blank_quotes(text) == "he says ~~~~~~~~~~ and goes."


@given(st.text(alphabet="ai '\"\n>:,.s*\u00e9", max_size=60))
def test_blanking_never_changes_the_length(text):
    assert len(blank_quotes(text)) == len(text)
