"""Near copies against all pairs compared one by one, and what a template costs."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.features.records import similar_sets
from unsinter.features.records.duplicates import group_prompts, near_duplicates, normalise
from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.check import check_records


def records(texts):
    return [PromptRecord(id=f"p{place}", prompt=text) for place, text in enumerate(texts)]


def shingles(text):
    text = normalise(text)
    return {text[i : i + 5] for i in range(max(1, len(text) - 4))}


def by_hand(texts, threshold):
    """Every pair compared, as the definition says."""
    sets = [shingles(text) for text in texts]
    scores = {
        (i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for j in range(len(sets)) for i in range(j)
    }
    return {pair: score for pair, score in scores.items() if score >= threshold}


def templated(n, *, n_fixed, per_slot=2, n_fillers=8, seed=0):
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(4, 8))) for _ in range(200)]
    texts = set()
    while len(texts) < n:
        slots = [
            " ".join(words[40 + slot * n_fillers + draw.randrange(n_fillers)] for _ in range(per_slot))
            for slot in range(3)
        ]
        fixed = [" ".join(words[part * n_fixed : (part + 1) * n_fixed]) for part in range(3)]
        texts.add(" ".join(part for pair in zip(fixed, slots, strict=True) for part in pair))
    return sorted(texts)


@pytest.mark.parametrize("n_fixed", [1, 2, 3, 4])
@pytest.mark.parametrize("many", [8, 64])
def test_pairs_of_a_template_are_those_of_comparing_all(monkeypatch, n_fixed, many):
    monkeypatch.setattr(similar_sets, "MANY", many)
    monkeypatch.setattr("unsinter.features.records.rare_codes.MANY", many)
    texts = templated(150, n_fixed=n_fixed)
    assert near_duplicates(texts, word_threshold=None) == pytest.approx(by_hand(texts, 0.6))


@given(st.lists(st.text("ab ", min_size=1, max_size=12), max_size=12), st.sampled_from([0.6, 0.8, 1.0]))
@settings(max_examples=150, deadline=None)
def test_any_texts_give_no_false_pair_and_miss_none_at_high_thresholds(texts, threshold):
    texts = [text for text in texts if normalise(text)]
    assert near_duplicates(texts, threshold=threshold, word_threshold=None) == pytest.approx(
        by_hand(texts, threshold)
    )


def half_vocabularies(n, *, n_words=240):
    """Long texts, each of its own half of one small vocabulary, and a near copy of the first."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(2 * n_words)]
    texts = [" ".join(draw.sample(words, n_words)) for _ in range(n - 1)]
    return [*texts, f"{texts[0]} {words[0]}"]


@pytest.fixture
def compared(monkeypatch):
    """Return a list that takes how many pairs are compared, call by call."""
    sizes, similar = [], similar_sets._Sets.similar

    def counted(self, one, other):
        sizes.append(len(one))
        return similar(self, one, other)

    monkeypatch.setattr(similar_sets._Sets, "similar", counted)
    return sizes


def test_long_texts_of_one_small_vocabulary_are_compared_once_a_pair_and_none_is_missed(
    monkeypatch, compared
):
    monkeypatch.setattr("unsinter.features.records.rare_codes.MANY", 8)
    monkeypatch.setattr(similar_sets, "MANY", 8)
    texts = half_vocabularies(60)
    grouping = group_prompts(records(texts))
    assert grouping.n_groups == 59
    assert grouping.labels[0] == grouping.labels[-1]
    # Candidates of bands and of crowds, in characters and in words; one rare code after another gave 26,233.
    assert sum(compared) < 3 * 60 * 59


def test_what_a_template_costs_grows_with_its_prompts_and_not_with_their_pairs(compared):
    costs = {}
    for n in (500, 2000):
        compared.clear()
        assert group_prompts(records(templated(n, n_fixed=6, per_slot=1, n_fillers=17))).n_groups == 1
        costs[n] = sum(compared)
    assert costs[2000] < 8 * costs[500]  # 16 times as many pairs


def test_check_names_the_template_that_makes_prompts_alike_and_how_to_strip_it():
    fillers = [
        "kettle",
        "window",
        "ladder",
        "bottle",
        "garden",
        "mirror",
        "pencil",
        "basket",
        "tunnel",
        "saddle",
    ]
    verbs = [
        "mends",
        "paints",
        "borrows",
        "measures",
        "polishes",
        "hides",
        "sells",
        "lifts",
        "draws",
        "weighs",
    ]
    texts = [
        f"{verb} in a short and friendly story of the old neighbour {noun} before it rains again {other}"
        for verb, noun, other in zip(verbs, fillers, fillers[3:] + fillers[:3], strict=True)
    ]
    report = check_records(records(texts))
    assert report.grouping.n_groups == 1
    [note] = [note for note in report.notes if "template" in note]
    assert "'... in a short and friendly story of the old neighbour ..." in note
    assert "10 prompts near copies" in note
    assert "strip_wrapper: true" in note
    assert group_prompts(records(texts), strip_wrapper=True).n_groups == 10
