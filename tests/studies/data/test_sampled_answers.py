import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unsinter.studies.data.sampled_answers import answer_by_majority, sampling_ceiling
from unsinter.studies.data.targets import Response
from unsinter.studies.study.sections import ResponseSource


def answer(refusal, wording=None, opening="text"):
    return Response(refusal=refusal, wording=wording, label_source="rules", opening=opening)


NO, SORRY, YES = answer("refusal", "bare"), answer("refusal", "apology"), answer("compliance", opening="yes")


def test_the_label_of_a_prompt_is_that_of_most_of_its_samples():
    made = answer_by_majority([YES, NO, SORRY, NO, answer(None)])
    assert (made.refusal, made.wording, made.n_refused, made.n_samples) == ("refusal", "bare", 3, 4)
    made = answer_by_majority([NO, YES, YES])
    assert (made.refusal, made.wording, made.opening) == ("compliance", None, "yes")
    assert (made.n_refused, made.n_samples) == (1, 3)


def test_equally_many_of_two_kinds_are_no_label():
    made = answer_by_majority([NO, YES])
    assert (made.refusal, made.wording, made.missing) == (None, None, "its samples are tied")
    assert (made.n_refused, made.n_samples) == (1, 2)


def test_samples_without_a_label_make_none():
    assert answer_by_majority([answer(None)] * 2).n_samples == 0


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2.0, 2.0), (0.3, 1.0), (8.0, 8.0)])
@pytest.mark.parametrize("k", [3, 7])
def test_the_ceiling_is_what_a_reader_who_knows_every_rate_reaches(a, b, k):
    rng = np.random.default_rng(0)
    rates = rng.beta(a, b, size=16000)
    x = rng.binomial(k, rates)
    fresh = rng.binomial(k, rates)
    truth = roc_auc_score(2 * fresh > k, rates)
    assert sampling_ceiling(x, np.full(16000, k)) == pytest.approx(truth, abs=0.02)


def test_a_prompt_that_always_answers_alike_leaves_nothing_to_chance():
    refused = np.repeat([0, 5], 50)
    assert sampling_ceiling(refused, np.full(100, 5)) > 0.99


def test_one_answer_a_prompt_says_nothing_of_a_ceiling():
    assert np.isnan(sampling_ceiling(np.array([1, 0, 1]), np.ones(3)))
    assert np.isnan(sampling_ceiling(np.zeros(9), np.full(9, 3)))
    assert np.isnan(sampling_ceiling(np.zeros(0), np.zeros(0)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"stop": ["Q:"], "path": ["a.jsonl"]}, "stop is of generated answers"),
     ({"stop": [""]}, "at least 1 char"),
     ({"samples": 3}, "at temperature 0 would be one text"), ({"samples": 0}, "greater than or equal to 1"),
     ({"samples": 10_001, "temperature": 1.0}, "less than or equal to 10000"),  # no memory holds their names
     ({"samples": 3, "temperature": 1.0, "path": ("a.jsonl",)}, "go with no path")],
)  # fmt: skip
def test_samples_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ResponseSource(**fields)
