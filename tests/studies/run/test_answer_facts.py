from types import SimpleNamespace

import numpy as np
import pytest

from unsinter.studies.data.targets import Response
from unsinter.studies.run.answer_facts import answer_facts, source_counts
from unsinter.studies.study.sections import ResponseSource

DATA = SimpleNamespace(
    harm=np.array(["harmful", "harmful", "harmless", "", "harmless"]),
    sources=np.array(["a", "a", "a", "b", ""], dtype=object),
)
RULES = "characters_seen=300 labeller=rules language=en"


def response(refusal, source=RULES):
    return Response(refusal=refusal, wording=None, label_source=source)


def test_what_was_refused_is_counted_by_harm_with_who_labelled_it():
    answers = [
        response("refusal"),
        response("compliance", "people"),
        response(None),
        response("refusal"),
        None,
    ]
    facts = answer_facts(DATA, answers, ResponseSource())
    assert facts["counts"] == {
        "harmful": {"refusal": 1, "compliance": 1}, "harmless": {"unlabelled": 1}, "unknown": {"refusal": 1},
    }  # fmt: skip
    assert facts["labelled_by"] == {"our rules, read by no one": 2, "people": 1}
    assert facts["made"] == "greedy, 40 tokens at most"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"temperature": 0.4}, "sampled at temperature 0.4, one a prompt, 40 tokens at most"),
        (
            {"temperature": 1, "samples": 5},
            "sampled at temperature 1, 5 a prompt, labelled by most, 40 tokens at most",
        ),
        ({"stop": ("Q:", " end")}, "greedy, 40 tokens at most, ended before 'Q:' or ' end'"),
        ({"path": ("a.jsonl",), "model": "gpt-4"}, "recorded, of gpt-4"),
    ],
)
def test_how_answers_came_about_is_said(fields, words):
    answers = [response("refusal"), *[None] * 4]
    assert answer_facts(DATA, answers, ResponseSource(**fields))["made"] == words


def test_without_answers_there_are_no_facts():
    assert answer_facts(DATA, [None] * 5, None) == {}


def test_prompts_are_counted_by_source_and_harm():
    assert source_counts(DATA) == {
        "": {"harmless": 1}, "a": {"harmful": 2, "harmless": 1}, "b": {"unknown": 1},
    }  # fmt: skip
