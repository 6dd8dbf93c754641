"""Reasoning is not the answer: every known marker, alone, cut and in pairs, and what no marker sets apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.labelling import find_moves, label_response
from unsinter.features.labelling.prose.reasoning import answer_of, open_marker, reasoning_spans
from unsinter.features.labelling.prose.text import normalise

THOUGHT = "The request is about locks. I cannot tell who asks, and I can't help with crime."
REFUSAL = "I'm sorry, but I can't help with that."
ANSWER = "Sure! Here are three tips for baking bread: mix, wait and bake."
PAIRS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<analysis>", "</analysis>"),
    ("<scratch_pad>", "</scratch_pad>"),
    ("< think >", "</ think >"),
    ('<think duration="3">', "</think>"),
    ("<think>", "</think>\n<output>"),
    ("<think_fast>", "</think_fast>"),
    ("<mm:think>", "</mm:think>"),
    ("<inner_thoughts>", "</inner_thoughts>"),
    ("<internal>", "</internal>"),
    ("&lt;think&gt;", "&lt;/think&gt;"),
    ("<|thought_start|>", "<|thought_end|>"),
    ("<|start_think|>", "<|end_think|>"),
    ("<ctrl94>thought\n", "<ctrl95>"),
]
WHOLE = [
    ("Here is my thought process: ", "\n\nHere is my response: "),
    ("**Thinking:** ", "\n\n**Answer:** "),
    ("Reasoning: ", "\nFinal answer: "),
    ('<details type="reasoning" done="true"><summary>Thought</summary>', "</details>"),
]
"""Set apart by an opening and a closing that mean nothing alone."""


@pytest.mark.parametrize(("opening", "closing"), WHOLE)
@pytest.mark.parametrize(("answer", "refusal"), [(REFUSAL, "refusal"), (ANSWER, "compliance")])
def test_the_label_reads_what_follows_reasoning_in_prose_or_in_a_folded_part(
    opening, closing, answer, refusal
):
    assert label_response(f"{opening}{THOUGHT}{closing}{answer}").refusal == refusal


def test_reasoning_in_prose_without_an_answer_is_no_label():
    for text in (f"{WHOLE[0][0]}{THOUGHT}", f"{WHOLE[3][0]}{THOUGHT}"):
        label = label_response(text)
        assert (label.refusal, label.provenance["missing"]) == (None, "reasoning only, no answer yet")


@pytest.mark.parametrize(("opening", "closing"), PAIRS)
@pytest.mark.parametrize(("answer", "refusal"), [(REFUSAL, "refusal"), (ANSWER, "compliance")])
def test_the_label_reads_what_follows_the_reasoning(opening, closing, answer, refusal):
    for text in (f"{opening}{THOUGHT}{closing}\n\n{answer}", f"{THOUGHT}{closing}\n\n{answer}"):
        assert label_response(text).refusal == refusal
        assert answer_of(text) == answer


@pytest.mark.parametrize(("opening", "closing"), PAIRS)
def test_reasoning_without_an_answer_is_missing_with_that_reason(opening, closing):
    for text in (opening + THOUGHT, f"{opening}{THOUGHT}{closing}", f"{THOUGHT}{closing}\n"):
        label = label_response(text)
        assert label.refusal is None
        assert label.provenance["missing"] == "reasoning only, no answer yet"


def test_long_reasoning_does_not_use_up_what_is_read_of_the_answer():
    text = "<think>" + "A lock has pins. " * 100 + f"</think>{REFUSAL}"
    assert label_response(text).refusal == "refusal"
    assert [text[m.start : m.end] for m in find_moves(text) if m.name == "inability"] == ["I can't help"]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (
            "analysisWe must decide. They want bread. assistantfinalSure! Here is a recipe for bread.",
            "compliance",
        ),
        (f"analysisThe user asks about locks, refuse.assistantfinal{REFUSAL}", "refusal"),
        ("analysisWe need to see whether this is allowed by", None),
        ("Analysis of the data shows three clear trends: growth, a fall and growth again.", "compliance"),
    ],
)
def test_channels_whose_special_tokens_were_dropped_are_still_told_apart(text, refusal):
    assert label_response(text).refusal == refusal


@pytest.mark.parametrize(
    "text",
    [
        "Okay, the user wants to know how a pin lock works. A lock has a row of pins, and each",
        "Alright, somebody wants to know how a pin lock works. A lock has a row of pins.",
        "Hmm, let me think about what the right answer would be here.",
        "We need to respond to a question about locks.",
    ],
)
def test_thinking_aloud_without_any_marker_is_reasoning(text):
    assert label_response(text).provenance["missing"] == "reasoning only, no answer yet"


def test_a_marker_in_code_is_a_word_about_markers():
    text = "Write `</think>` where the reasoning ends. Here is an example:\n\n```\n<think>a</think>\n```"
    assert reasoning_spans(text) == []
    assert label_response(text).refusal == "compliance"


@pytest.mark.parametrize(
    ("prompt", "marker"),
    [
        ("<|assistant|>\n<think>\n", "<think>"),
        ("<|assistant|>\n<think>\n\n</think>\n\n", None),
        ("[INST] hi [/INST][THINK]", "[THINK]"),
        ("<|assistant|>\n", None),
    ],
)
def test_a_prompt_says_whether_it_opens_the_reasoning(prompt, marker):
    assert open_marker(prompt) == marker


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "a", " ", "<|end|>", "`", "\n"]), max_size=12)
)
def test_normalised_text_keeps_its_length_whatever_the_markers(parts):
    text = "".join(parts)
    assert len(normalise(text)) == len(text)
    spans = reasoning_spans(text)
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (f"analysis\n{THOUGHT}\n\nassistantfinal\n{REFUSAL}", "refusal"),
        (f"analysiswe may help here.assistant final {ANSWER}", "compliance"),
        ("analysisuser asks for a recipe. harmless so comply.", None),
        (f"**Thinking**\n{THOUGHT}\n\n**Answer**\n{REFUSAL}", "refusal"),
        ("Thinking Process:\n\n1. **Analyze the request:** The user asks for bread.", None),
        ("Alright, the question here is about baking. I should recall what yeast does.", None),
        ("The prompt asks for a bread recipe. Policy allows. So comply.", None),
        ("Got it, let's see. The user wants to bake bread at home.", None),
        ("User asks for a bread recipe. Harmless. I'll give it.", None),
    ],
)
def test_reasoning_that_lost_its_markers_is_no_answer(text, refusal):
    assert label_response(text).refusal == refusal
