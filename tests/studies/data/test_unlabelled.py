"""Answers without a label are counted by reason, and a cut names the tokens that would have done."""

from unsinter.studies.data.targets import Response
from unsinter.studies.data.unlabelled import count_unlabelled

THINKING = "reasoning only, no answer yet"


def response(refusal=None, missing=None, opening="word " * 20, **more):
    wording = "bare" if refusal == "refusal" else None
    return Response(
        refusal=refusal, wording=wording, label_source="t", missing=missing, opening=opening, **more
    )


def test_reasons_are_counted_and_nothing_is_advised_without_a_cut():
    result = count_unlabelled(
        [None, response("refusal"), response(missing="language not read: nl"), response(missing=THINKING)],
        max_new_tokens=40,
    )
    assert result.reasons == {"language not read: nl": 1, THINKING: 1}
    assert result.advice is None


def test_reasoning_whose_length_nobody_saw_is_given_four_times_the_tokens():
    cut = response(missing=THINKING, truncated=True, n_tokens=40)
    result = count_unlabelled([cut, cut, response("compliance", n_tokens=20)], max_new_tokens=40)
    assert result.advice == (
        "2 of 3 answers were cut by max_new_tokens 40 before they decide, 2 of them inside their reasoning; "
        "set responses.max_new_tokens to 192 (a first try: no reasoning came to its end, so its length is "
        "not known)"
    )
    assert result.advice.values["needed"] == 192


def test_reasoning_that_ended_elsewhere_tells_how_long_it_takes():
    # 1,000 characters of reasoning and 300 of the answer, a quarter of a token each: 325, in steps of 64.
    ended = response("refusal", opening="x" * 992 + "</think>" + "y" * 200, n_tokens=300, truncated=False)
    cut = response(missing=THINKING, opening="z" * 1200, truncated=True, n_tokens=300)
    result = count_unlabelled([ended, cut], max_new_tokens=100)
    assert result.advice == (
        "1 of 2 answers were cut by max_new_tokens 100 before they decide, 1 of them inside their reasoning; "
        "set responses.max_new_tokens to 384 (judged by the answers that were not cut so early)"
    )


def test_a_cut_without_reasoning_says_which_limit_and_how_many():
    answers = [response("compliance", opening="word " * 2_000, n_tokens=2_000)] * 1_200
    answers += [response(missing="cut before it decides", truncated=True, n_tokens=1_100)] * 1_001
    advice = count_unlabelled(answers, max_new_tokens=1_100).advice
    assert advice == (
        "1,001 of 2,201 answers were cut by max_new_tokens 1,100 before they decide; set "
        "responses.max_new_tokens to 2,560 (judged by the answers that were not cut so early)"
    )


def test_recorded_answers_are_counted_and_get_no_advice():
    cut = response(missing="cut before it decides", truncated=True)
    result = count_unlabelled([cut], max_new_tokens=None)
    assert (result.reasons, result.advice) == ({"cut before it decides": 1}, None)
