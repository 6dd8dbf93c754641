"""Grouping: copies, near copies, twins and given groups end in one group; nothing given is ever split."""

from collections import defaultdict
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.features.records.duplicates import group_prompts, near_duplicates, normalise
from unsinter.features.records.likeness_views import stop_words
from unsinter.features.records.readers import read_prompts

PLAIN = [
    "How do I keep sourdough starter alive during a long holiday?",
    "Which trees grow fastest in a cold and windy garden?",
    "Explain how tides depend on the position of the moon.",
    "What is the cheapest way to send a parcel from Lisbon to Oslo?",
]


def prompts(texts, **columns):
    return read_prompts(
        [
            {"id": f"r{i}", "prompt": text} | {k: v[i] for k, v in columns.items()}
            for i, text in enumerate(texts)
        ]
    )


def same_group(labels):
    members = defaultdict(list)
    for index, label in enumerate(labels):
        members[label].append(index)
    return {pair for rows in members.values() for pair in combinations(rows, 2)}


def test_a_copy_with_typos_joins_its_original_and_unlike_prompts_stay_apart():
    copies = [
        "HOW do I keep sour-dough starter alive, during a long holiday",
        "How do I keep sourdouhg starter alive during a long holiday?",
    ]
    grouping = group_prompts(prompts([*PLAIN, *copies]))
    assert same_group(grouping.labels) == {(0, 4), (0, 5), (4, 5)}
    assert (grouping.n_groups, grouping.n_joined, grouping.largest) == (4, 2, 3)


def test_the_same_request_in_another_frame_is_a_near_copy():
    texts = [
        "Write a tutorial on how to repair a leaking copper pipe",
        "Provide steps for how to repair a leaking copper pipe",
    ]
    assert near_duplicates(texts) == {(0, 1): 1.0}
    assert near_duplicates(texts, word_threshold=None) == {}


def test_case_spaces_and_punctuation_do_not_make_a_different_text():
    assert normalise("  Hello,\tWORLD! ") == normalise("hello world") == "hello world"
    assert normalise("?!") == "?!"
    grouping = group_prompts(prompts(["Hello, world!", "hello   WORLD"]))
    assert (grouping.n_groups, grouping.n_copies, grouping.largest) == (1, 1, 2)


@pytest.mark.parametrize("pair_ids", [["r1", None, None], ["r1", "r0", None], ["twins", "twins", None]])
def test_twins_are_one_group_however_the_pair_is_named(pair_ids):
    grouping = group_prompts(prompts(PLAIN[:3], pair_id=pair_ids))
    assert same_group(grouping.labels) == {(0, 1)}


def test_a_twin_in_no_file_is_no_twin():
    assert group_prompts(prompts(PLAIN[:2], pair_id=["elsewhere", None])).n_groups == 2


def test_a_near_copy_joins_two_given_groups_and_is_counted():
    texts = [PLAIN[0], PLAIN[1], PLAIN[0] + "!", PLAIN[2]]
    grouping = group_prompts(prompts(texts, group=["b", "b", "a", "c"]))
    assert grouping.labels == ("a", "a", "a", "c")
    assert (grouping.n_given, grouping.n_groups, grouping.n_joined) == (3, 2, 1)


def test_an_id_that_equals_the_group_of_another_record_does_not_join_them():
    assert len(set(group_prompts(prompts(PLAIN[:2], group=["r1", None])).labels)) == 2


words = st.sampled_from(["red", "green", "blue", "hill", "lake", "stone", "bird", "cloud"])
texts = st.lists(st.lists(words, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=25)


@settings(max_examples=40, deadline=None)
@given(texts=texts, data=st.data())
def test_a_given_group_is_never_split_and_the_order_of_records_does_not_matter(texts, data):
    some = st.none() | st.sampled_from(["x", "y", "z"])
    groups = data.draw(st.lists(some, min_size=len(texts), max_size=len(texts)))
    records = prompts(texts, group=groups)
    labels = group_prompts(records).labels
    for one, other in combinations(range(len(texts)), 2):
        if (groups[one] and groups[one] == groups[other]) or texts[one] == texts[other]:
            assert labels[one] == labels[other]
    order = data.draw(st.permutations(range(len(texts))))
    shuffled = group_prompts([records[i] for i in order]).labels
    assert shuffled == tuple(labels[i] for i in order)


def test_a_thousand_prompts_of_one_template_are_one_group():
    rng = np.random.default_rng(0)
    frame = "Please tell my neighbour in the kindest possible words that the old oak near the {} must stay {}"
    texts = [frame.format(*("".join(rng.choice(list("abcdefgh"), 5)) for _ in "xy")) for _ in range(1000)]
    assert group_prompts(prompts([*texts, PLAIN[0]])).n_groups == 2


def test_no_pair_is_false_and_none_is_missed_against_all_pairs_by_hand():
    rng = np.random.default_rng(0)
    vocabulary = ["".join(rng.choice(list("abcdefgh"), 6)) for _ in range(40)]
    texts = [" ".join(rng.choice(vocabulary, 8)) for _ in range(60)]
    # Cuts of 5 to 30 of 55 characters give similarities from .4 to .95, on both sides of the threshold.
    texts += [text[5 + index // 2 :].strip() for index, text in enumerate(texts[:50])]
    grams = [{text[i : i + 5] for i in range(len(text) - 4)} for text in texts]
    expected = {
        (i, j): len(grams[i] & grams[j]) / len(grams[i] | grams[j])
        for i, j in combinations(range(len(texts)), 2)
        if len(grams[i] & grams[j]) / len(grams[i] | grams[j]) >= 0.6
    }
    assert 15 < len(expected) < 45
    assert near_duplicates(texts, word_threshold=None) == pytest.approx(expected)


def test_a_threshold_outside_zero_to_one_is_refused():
    with pytest.raises(ValueError, match=r"threshold must be above 0 and at most 1, got 1\.5"):
        near_duplicates(["a"], threshold=1.5)
    with pytest.raises(ValueError, match="word_threshold must be above 0"):
        near_duplicates(["a"], word_threshold=0)


def test_real_prompts_are_grouped_as_their_makers_grouped_them(shared_data):
    records = read_prompts(sorted(shared_data.glob("prompts*.jsonl")))
    grouping = group_prompts(records)
    ours = same_group(grouping.labels)
    near_copies = same_group([record.dup_group for record in records])
    with_twins = same_group([record.split_group for record in records])
    # Measured: .984, .990 and 5,075 groups against the makers' 5,108; theirs is another rule for words.
    assert len(ours & near_copies) / len(near_copies) > 0.97
    assert len(ours & with_twins) / len(with_twins) > 0.97
    assert abs(grouping.n_groups - len({record.split_group for record in records})) < 60
    assert grouping.largest < 40


def test_real_given_groups_are_joined_seldom_and_never_split(shared_data):
    records = read_prompts(sorted(shared_data.glob("prompts*.jsonl")), columns={"group": "split_group"})
    grouping = group_prompts(records)
    assert same_group([record.group for record in records]) <= same_group(grouping.labels)
    assert grouping.n_given == 5108
    assert 0 < grouping.n_joined < 60


def test_one_text_is_not_taken_for_its_characters_and_a_row_without_text_is_named():
    with pytest.raises(
        TypeError, match=r"texts must be a list of texts, got one text \('How do I keep sourdo'\)"
    ):
        near_duplicates(PLAIN[0])
    with pytest.raises(TypeError, match="texts must hold text in every row, got None in row 1"):
        near_duplicates([PLAIN[0], None])


def test_texts_of_a_shuffled_table_are_read_by_place():
    column = pd.Series([PLAIN[0], PLAIN[1], PLAIN[0]], index=[2, 0, 1])
    assert near_duplicates(column) == {(0, 2): 1.0}


def test_stop_words_are_those_of_scikit_learn():
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    assert stop_words() == ENGLISH_STOP_WORDS


def test_pairs_between_groups_are_those_of_all_pairs_that_lie_in_two():
    rng = np.random.default_rng(4)
    frames = [
        f"Please explain how {noun} of the old town works" for noun in ("a mill", "the clock", "a pump")
    ]
    texts = [f"{frames[i % 3]} {' '.join(rng.choice(PLAIN[i % 4].split(), 2))}" for i in range(90)]
    texts[40:44] = [texts[3]] * 4  # one text in several groups
    groups = [f"g{number}" for number in rng.integers(12, size=90)]
    everything = near_duplicates(texts)
    between = {pair: value for pair, value in everything.items() if groups[pair[0]] != groups[pair[1]]}
    assert 50 < len(between) < len(everything)
    assert near_duplicates(texts, groups=groups) == between


def test_groups_of_another_length_are_refused():
    with pytest.raises(ValueError, match="groups must have one entry per text, got 1 for 2"):
        near_duplicates(["one text", "another"], groups=["g"])
