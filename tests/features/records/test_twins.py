"""Twins: a value that several records share names a pair, one that a single record has names its twin."""

import pytest

from unsinter.features.records.duplicates import group_prompts
from unsinter.features.records.readers import read_prompts
from unsinter.features.records.record import RecordError

WORDS = [
    "apple",
    "river",
    "stone",
    "cloud",
    "bread",
    "lamp",
    "mirror",
    "garden",
    "violin",
    "copper",
    "thunder",
    "pillow",
    "rocket",
    "tulip",
]


def groups(pairs):
    """The partition of records made by (id, pair_id), as a set of frozen sets of ids."""
    rows = [
        {
            "id": key,
            "prompt": " ".join(WORDS[(i * 5 + 3 * k) % 14] for k in range(4)) + f" {i}x{i * 7919}",
            "pair_id": pair,
        }
        for i, (key, pair) in enumerate(pairs)
    ]
    labels = group_prompts(read_prompts(rows), threshold=1.0, word_threshold=None).labels
    members = {}
    for row, label in zip(rows, labels, strict=True):
        members.setdefault(label, set()).add(str(row["id"]))
    return {frozenset(ids) for ids in members.values()}


def parts(*texts):
    return {frozenset(text.split()) for text in texts}


@pytest.mark.parametrize("shift", [0, 1, 17, 1000])
def test_numbered_pairs_of_numbered_records_are_pairs(shift):
    result = groups([(i, i // 2 + shift) for i in range(80)])
    assert result == {frozenset({str(i), str(i + 1)}) for i in range(0, 80, 2)}


def test_numbered_pairs_in_any_order_are_pairs():
    import random

    for seed in range(20):
        names = list(range(60)) * 2
        random.Random(seed).shuffle(names)
        result = groups(list(enumerate(names)))
        assert len(result) == 60
        assert {len(pair) for pair in result} == {2}


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("a", "b"), ("b", None), ("c", None)], ["a b", "c"]),
        ([("a", "b"), ("b", "a"), ("c", "d")], ["a b", "c"]),
        ([("a", "t"), ("b", "t"), ("c", "t"), ("d", None)], ["a b c", "d"]),
        ([("a", "a"), ("b", "a"), ("c", "a")], ["a b c"]),
        ([("a", None), ("b", "a"), ("c", "b")], ["a b c"]),
        ([("a", "a"), ("b", None)], ["a", "b"]),
        ([("a", " b "), ("b", None)], ["a b"]),
    ],
)
def test_each_way_to_name_twins(pairs, expected):
    assert groups(pairs) == parts(*expected)


@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([("a", "x"), ("b", "x"), ("x", None)], "'x', which 2 records have, .* a record with no pair_id"),
        ([(5, 7), (7, 3), (8, 3)], "'7', which only the record '5' has, .* a record with pair_id '3'"),
    ],
)
def test_a_value_with_two_readings_is_refused_by_name(pairs, value):
    with pytest.raises(RecordError, match=f"pair_id {value}: it cannot be told"):
        groups(pairs)
