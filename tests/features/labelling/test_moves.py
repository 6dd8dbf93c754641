"""Moves and their spans: valid in the text as given, for any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.labelling import find_moves
from unsinter.features.labelling.prose.text import normalise, prose

WORDS = st.sampled_from(
    [
        "I",
        "can\u2019t",
        "cannot",
        "help",
        "sorry",
        "\u0130",
        '"',
        "<think>",
        "</think>",
        "```",
        "1.",
        "-",
        "but",
        "\u0130stanbul",
        ".",
        "\ufb01",
        "\U0001f642",
        "\u00a0",
        "\n",
        "\u2028",
        "**",
    ]
)
TEXTS = st.one_of(
    st.text(), st.lists(WORDS, max_size=40).map(" ".join), st.lists(WORDS, max_size=40).map("".join)
)


@given(TEXTS)
def test_any_text_gives_ordered_spans_inside_it_that_hold_words(text):
    moves = find_moves(text)
    assert all(0 <= move.start < move.end <= len(text) for move in moves)
    assert [move.start for move in moves] == sorted(move.start for move in moves)
    assert all(text[move.start : move.end].strip() for move in moves)


@given(TEXTS)
def test_normalising_moves_no_character(text):
    assert len(normalise(text)) == len(text)
    assert len(prose(normalise(text))) == len(text)


def spans(text, name):
    return [text[move.start : move.end] for move in find_moves(text) if move.name == name]


def test_spans_slice_the_original_with_its_curly_apostrophes_and_runs_of_space():
    text = "\n\n  I\u2019m sorry,  but   I can\u2019t\u00a0 help with that."
    assert spans(text, "apology") == ["I\u2019m sorry"]
    assert spans(text, "inability") == ["I can\u2019t\u00a0 help"]


def test_a_character_whose_lower_case_is_longer_shifts_no_span():
    text = "\u0130stanbul asks. I cannot help."
    assert spans(text, "inability") == ["I cannot help"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I must respectfully decline to write this.", "decline"),
        ("I'd rather not say.", "decline"),
        ("We are not permitted to share that.", "inability"),
        ("That isn't something I can assist with.", "inability"),
        ("I do not condone violence.", "no_endorsement"),
        ("As a responsible AI, I will stop.", "ai_identity"),
        ("This goes against my guidelines.", "policy"),
        ("It is neither ethical nor legal.", "moral_legal"),
        ("There is no evidence for this.", "correction"),
        ("Instead, I suggest a walk.", "redirect"),
        ("Please call a crisis line.", "safety_resource"),
        ("Could you tell me more about your plan?", "question_back"),
        ("Please note that prices vary.", "disclaimer"),
        ("Sure, gladly.", "answer_start"),
        ("First:\n\n1. Open the lid.", "list"),
        ("```sh\nls\n```", "code"),
        ("I don't have access to his calendar.", "knowledge_limit"),
    ],
)
def test_a_move_is_found(text, name):
    assert spans(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I'm sorry to hear that your cat is ill.", "apology"),
        ("I'm so sorry for your loss.", "apology"),
        ('The guard shouts: "I cannot let you in, I can\'t help you!"', "inability"),
        ("I can't help but smile at this.", "inability"),
        ("I won't lie, it is steep.", "decline"),
        ("<think>I can't help with that.</think>Sure.", "inability"),
        ("```\nI can't help with that\n```", "inability"),
        ("You cannot help a plant that has no light.", "inability"),
    ],
)
def test_a_look_alike_is_not_the_move(text, name):
    assert spans(text, name) == []


def test_an_answer_that_is_one_quotation_is_still_the_answer():
    assert spans('"I can\'t help with that."', "inability") == ["I can't help"]
